"""What the relay remembers: users, tokens, channels, tasks, and the ledger of their money.

`protocol` says what a store promises, `values` and `errors` what goes in and comes out. Which
store it is decides `connect`; nothing else names one. No module of this package imports the
SDK or a web framework.
"""
