"""Plumbing shared by all servers of this package: connections, replies, schemas, OpenAPI."""
