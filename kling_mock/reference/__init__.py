"""What this server does, told from its tables: as OpenAPI, and as a page on its fidelity.

`rows` is the vocabulary, `served` lists everything that is told. To tell of more, add rows
there; nothing else changes. `python -m kling_mock.reference` writes both files.
"""
