"""Migrate a relay's `videos` table from any known schema to the target schema, and back.

`schema/` describes and recognises tables, and computes the steps from one table to another and
their DDL, without a connection. `database/` connects and reads the catalogue; `rows/` checks and
changes the rows. The commands use these: `check`, `upgrade`, `online/`, `verify`, `downgrade`,
`script`.
"""
