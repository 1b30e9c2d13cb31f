"""The admin API under `/__kling/`: the controls of `KlingMock`, for tests in other languages.

`calls` has all calls. The routing, the checks of parameters and the OpenAPI rows are made from it,
so each call is declared only once. This package is loaded by the first request.
"""
