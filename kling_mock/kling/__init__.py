"""The emulated Kling API."""
