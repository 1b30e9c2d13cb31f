"""The command `kling-mock`."""
