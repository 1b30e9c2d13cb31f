"""Reference documents made from the records of this server: OpenAPI, and a page on its fidelity.

`python -m kling_mock.reference` writes both.
"""
