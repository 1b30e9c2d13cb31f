"""The admin API under `/__kling/`: the controls of `KlingMock`, for tests in other languages.

`calls` has every call. The routing, the checks of parameters and the OpenAPI rows are made from
it, so a call is declared once. Nothing of this is loaded before the first request.
"""
