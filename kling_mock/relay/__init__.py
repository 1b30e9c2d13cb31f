"""A reference relay: a one-api style front of Kling that bills its users once and only once."""
