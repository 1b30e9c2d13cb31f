"""Sessions with the real service: recording, playback, and comparison with the emulator."""
