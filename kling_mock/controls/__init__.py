"""What a test holds: typed, safe from any thread, and good for the whole life of a server."""
