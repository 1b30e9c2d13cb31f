"""The import of a one-api database, which is never written, into the relay's own database."""
