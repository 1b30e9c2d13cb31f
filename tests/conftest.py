"""Settings of all tests."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# No deadline per example: the machine may be busy. Under CI the examples are the same in
# every run, so that a change is judged and not the draw; at a desk each run tries others.
settings.register_profile("kling", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("kling")

pytest_plugins = [
    "pytester",  # the tests of the pytest plugin run pytest
    "tests.speed",
    "tests.clusters.fixtures",
]


@pytest.fixture
def sigint_is_handled() -> Iterator[None]:
    """SIGINT raises `KeyboardInterrupt`, here and in processes that the test starts.

    A shell starts background jobs with SIGINT ignored, and what is ignored stays so in children.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes that are no text by their parameter.

    What a program made may differ in the next one, as a compressed body with its time does, and
    workers that name a test differently cannot share the suite.
    """
    is_text = not isinstance(val, bytes) or val.decode("latin-1").isprintable()
    return None if is_text else argname


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    words = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    names = "subjectAltName=IP:127.0.0.1,DNS:localhost"
    more = ["-addext", names, "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*words.split(), *more], check=True, capture_output=True)
    return cert, key
