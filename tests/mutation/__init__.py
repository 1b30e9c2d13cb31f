"""Measures what the tests notice: the code is changed in one place at a time, and tests must fail.

`python -m tests.mutation sdk --seed N --count 220` draws changes by a seed; see CONTRIBUTING.md.
"""
