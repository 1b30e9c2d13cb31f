"""Tables as data, the steps between two of them, and their DDL; without a connection."""
