"""Facts about the vendor's API, as data: the client and the emulator both read them.

There are literals here and nothing else: no function, no conversion, no import of the rest. What
a value means, in which order it is checked and what a refusal says, each side writes by itself.

A module of `products` has all of one product; the others have what several share, and `tables`
collects. Each is loaded when something that needs it is used. A value is
the *documented* one. Where another was *observed*, it stands beside it. Each table, or group of
rows, has a `Fact`: source, date and confidence.
"""
