"""The controls of a test: typed, safe from any thread, and valid as long as their server."""
