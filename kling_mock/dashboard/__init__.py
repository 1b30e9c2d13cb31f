"""One page that shows a server at work: clock, tasks, faults, requests, callbacks.

It is a user of the admin API like any other, with the token that is typed into it. It loads
nothing from elsewhere, and whatever it shows it shows as text.
"""
