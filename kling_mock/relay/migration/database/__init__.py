"""The connection to a database, and the readers of its catalogue."""
