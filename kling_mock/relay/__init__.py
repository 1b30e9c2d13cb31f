"""A reference relay: a one-api style gateway to Kling that bills its users exactly once."""
