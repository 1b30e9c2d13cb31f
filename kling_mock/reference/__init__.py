"""What this server does, from its records: as OpenAPI, and as a page on its fidelity.

`python -m kling_mock.reference` writes both.
"""
