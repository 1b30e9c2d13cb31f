"""Plumbing that every server of this package shares: connections, replies, schemas, OpenAPI."""
