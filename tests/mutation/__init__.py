"""Measures what the tests notice: the code is changed in one place at a time, and tests must fail.

`python -m tests.mutation --seed N --count 220` draws the changes by the seed; see CONTRIBUTING.md.
"""
