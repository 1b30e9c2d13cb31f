"""The transactions: what each method of `Storage` does, statement by statement, without I/O.

Rows are touched in the order videos, ledger, users, tokens, channels; a create touches users
and tokens and inserts its row then. Nobody ever waits for a row while holding one that comes
later, so no two transactions can wait for each other.
"""
