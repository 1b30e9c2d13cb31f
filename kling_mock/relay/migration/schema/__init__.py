"""Tables as data, the steps from one table to another, and their DDL, without a connection."""
