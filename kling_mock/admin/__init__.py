"""The admin API under `/__kling/`: the handles of `KlingMock`, for tests in other languages.

`table` lists every call. The routing, the checks of what is sent and the OpenAPI rows are made
from it, so a call is declared once. Nothing of this is loaded before the first request.
"""
