"""The relay's storage: users, tokens, channels, tasks, and the ledger of their money.

`sql_storage` has the operations; `values` and `errors` are their arguments, results and exceptions.
`connect` chooses the database: SQLite in memory or in a file, MariaDB, MySQL or PostgreSQL. No
module of this package imports the SDK or a web framework.
"""
