"""Settings of all tests."""

from __future__ import annotations

import os

from hypothesis import settings

# No deadline per example: the machine may be busy. Under CI the examples are the same in
# every run, so that a change is judged and not the draw; at a desk each run tries others.
settings.register_profile("kling", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("kling")

pytest_plugins = ["pytester"]  # the tests of the pytest plugin run pytest
