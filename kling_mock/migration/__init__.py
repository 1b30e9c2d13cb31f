"""Bring a relay's `videos` table, in whatever shape it is, to the wanted schema and back.

`table` describes a table, `shapes` recognises it, `plan` computes the steps, `ddl` words
them: all pure. `session` and `introspect` talk to the database, `probes` holds the questions
asked about its rows. The ways of doing it stand on top.
"""
