"""Pages that show a server at work, and steer it: tasks, callbacks, faults, clock, accounts.

They are a user of the admin API like any other, with the token that is in the fragment of their
address. They load nothing from elsewhere, and whatever they show they show as text. `static` has
what the browser gets, as it is: there is no build step.
"""
