"""A newcomer's output from the installation to the first mistake, recorded as a page.

`python -m tests.first_minutes` installs a clone of this repository into a new environment, follows
the steps, and writes `record.json`, both pages and their pictures. A test follows the same steps in
its own environment, and fails when the record says something else.
"""
