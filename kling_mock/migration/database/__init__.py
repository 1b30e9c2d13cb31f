"""One connection to a database, and what is read from its catalogue."""
