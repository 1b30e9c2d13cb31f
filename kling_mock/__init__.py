"""A Kling on localhost that a test suite can trust."""
