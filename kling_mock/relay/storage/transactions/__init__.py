"""The transactions: what each method of `Storage` does, statement by statement, without I/O.

A function with the name of a method of `Storage` is that method: `sql_storage` runs it with the
same parameters, and takes its docstring.

Rows are locked in the order videos, ledger, users, tokens; a create locks users and tokens and then
inserts its row. No transaction waits for a row while it holds one that comes later in this order,
so no two transactions can wait for each other.
"""
