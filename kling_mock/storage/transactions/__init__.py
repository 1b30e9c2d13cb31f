"""The transactions: what each method of `Storage` does, statement by statement, without I/O.

A function with the name of a method is that method, and its parameters are the same;
`sql_storage` runs it. What it promises is documented in `Storage` only.

Rows are touched in the order videos, ledger, users, tokens, channels; a create touches users
and tokens and inserts its row then. No transaction waits for a row while it holds one that comes
later, so no two transactions can wait for each other.
"""
