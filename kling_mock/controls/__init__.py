"""The controls for tests: typed, thread-safe, and valid as long as their server."""
