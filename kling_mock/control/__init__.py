"""Looking into a running server, and steering it."""
