"""The form of replies and callbacks of the emulated Kling, one module per interface."""
