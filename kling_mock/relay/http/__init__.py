"""HTTP in front of the relay: parse, call, reply."""
