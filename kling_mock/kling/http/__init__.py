"""HTTP in front of the emulated Kling."""
