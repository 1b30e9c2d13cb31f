"""Bring a relay's `videos` table, whichever known schema it has, to the target schema and back.

`schema/` describes tables, recognises them, and computes the steps between two and their DDL,
without a connection. `database/` connects and reads the catalogue, `rows/` checks and changes the
rows. The commands use these: `check`, `upgrade`, `online/`, `verify`, `downgrade`, `script`.
"""
