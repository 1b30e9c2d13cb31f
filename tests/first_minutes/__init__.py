"""What a newcomer sees between `pip install` and the first mistake, recorded as a page.

`python -m tests.first_minutes` installs the wheel of this tree into a new environment, follows the
steps, and writes `record.json`, both pages and their pictures. A test follows the same steps in its
own environment, and fails when the record says something else.
"""
