"""Recorded sessions with the real service: written, played back, and compared with the emulator."""
