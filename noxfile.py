"""The project's commands: `nox -l` lists them, `nox -s NAME` runs one.

Each session makes an environment of its own under `.nox` and keeps it. With `--no-venv` it uses
the environment that nox itself is installed in, which the extra `dev` makes complete:
`.venv/bin/nox --no-venv -s lint`. What follows `--` goes to the command:
`nox -s tests -- -k relay`.
"""

from __future__ import annotations

import functools
import http.server
import re
import shutil
import sys
import tempfile
import threading
import tomllib
from pathlib import Path

import nox

ROOT = Path(__file__).parent
LARGEST_WHEEL = 3_000_000  # bytes
SMALLEST_COVERAGE = 95  # percent of lines and branches
SLOWEST_UNMARKED = 1.0  # seconds of CPU time; see tests/speed.py
BENCHMARKS = ("sdk", "mock", "storage", "relay", "migration")

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "imports", "fast"]


def _install(session: nox.Session, extras: str = "dev") -> None:
    if session.virtualenv.venv_backend != "none":
        session.install("-q", "-e", f".[{extras}]")


def _tool(session: nox.Session, name: str) -> str:
    """Return the path of a command in the session's environment, or in nox's own without one."""
    if session.virtualenv.venv_backend == "none":
        return str(Path(sys.executable).with_name(name))
    return str(Path(session.bin) / name)


def _pytest(session: nox.Session, *arguments: str, size: str | None = None) -> None:
    environment = {} if size is None else {"KLING_PROOF_SIZE": size}
    session.run(_tool(session, "python"), "-m", "pytest", *arguments, env=environment)


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests."""
    _install(session, "dev,docs")
    _pytest(session, "-q", "-n", "auto", "-m", "", *session.posargs)


@nox.session
def fast(session: nox.Session) -> None:
    """Run the tests that are not slow; name unmarked ones that are."""
    _install(session)
    limit = ("--slow-after", str(SLOWEST_UNMARKED))
    _pytest(session, "-q", "-n", "auto", *limit, *session.posargs)


@nox.session
def promises(session: nox.Session) -> None:
    """Run a few slow tests of each promise, which take about a minute of CPU time."""
    _install(session)
    _pytest(session, "-q", "-n", "auto", "@tests/promises.txt", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Run the tests that are not slow, and fail if they cover too little."""
    _install(session)
    measure = (_tool(session, "python"), "-m", "coverage")
    session.run(*measure, "erase")
    session.run(*measure, "run", "-m", "pytest", "-q", "-n", "auto", *session.posargs)
    session.run(*measure, "combine", "-q")
    session.run(*measure, "report", "--skip-covered", f"--fail-under={SMALLEST_COVERAGE}")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format."""
    _install(session)
    session.run(_tool(session, "ruff"), "check", ".")
    session.run(_tool(session, "ruff"), "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy and pyright."""
    _install(session)
    session.run(_tool(session, "mypy"))
    session.run(_tool(session, "pyright"), "--pythonpath", _tool(session, "python"))


@nox.session
def imports(session: nox.Session) -> None:
    """Check which module may import which."""
    _install(session)
    session.run(_tool(session, "lint-imports"))


@nox.session
def generate(session: nox.Session) -> None:
    """Write the files that are generated from the code, which tests hold to it."""
    _install(session)
    python = _tool(session, "python")
    session.run(python, "-m", "kling_sdk.endpoints")
    session.run(python, "-m", "kling_mock.reference", "docs")
    session.run(python, "-m", "kling_mock.storage")
    session.run(python, "-m", "tests.vendor_coverage")
    session.run(python, "-m", "tests.public_surface", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation site, in English and Chinese, into `site/`; warnings are errors."""
    _install(session, "dev,docs")
    session.run(_tool(session, "python"), "-m", "tests.site")


@nox.session
def pictures(session: nox.Session) -> None:
    """Take the pictures of the dashboard and of a video that the documentation shows."""
    _install(session)
    session.run(_tool(session, "python"), "-m", "tests.mock.dashboard.pictures")


@nox.session(name="first-five-minutes")
def first_five_minutes(session: nox.Session) -> None:
    """Install as a newcomer, follow the first steps, and write the page that shows them."""
    _install(session)
    session.run(_tool(session, "python"), "-m", "tests.first_minutes", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Build a release, check it, and use it from a local index; `-- 0.2.0` rehearses a version."""
    _install(session)
    python = _tool(session, "python")
    with tempfile.TemporaryDirectory() as folder:
        source = ROOT
        if session.posargs:
            source = _release_source(session, Path(folder, "source"), session.posargs[0])
        version = tomllib.loads((source / "pyproject.toml").read_text())["project"]["version"]
        index = Path(folder, "index")
        built = index / "simple" / "kling-sdk"
        session.run(python, "-m", "build", "--outdir", str(built), str(source), silent=True)
        sdist, wheel = next(built.glob("*.tar.gz")), next(built.glob("*.whl"))
        session.run(python, "-m", "twine", "check", "--strict", str(sdist), str(wheel))
        session.run(python, str(ROOT / ".ci" / "contents.py"), str(source), str(sdist), str(wheel))
        if wheel.stat().st_size > LARGEST_WHEEL:
            session.error(f"{wheel.name}: {wheel.stat().st_size} bytes; most is {LARGEST_WHEEL}")
        _use(session, Path(folder), index, version)


def _release_source(session: nox.Session, target: Path, version: str) -> Path:
    """Copy the repository as the release of *version* would be: its number, its changelog."""
    files = session.run("git", "-C", str(ROOT), "ls-files", external=True, silent=True)
    for name in str(files).split():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target / name)
    for name, pattern, text in (
        ("pyproject.toml", r'(?m)^version = ".*"$', f'version = "{version}"'),
        ("CHANGELOG.md", r"(?m)^## \[Unreleased\]$", f"## [{version}]"),
    ):
        file = target / name
        changed, count = re.subn(pattern, text, file.read_text("utf-8"), count=1)
        if count != 1:
            session.error(f"{name} has no line like {pattern}")
        file.write_text(changed, "utf-8")
    return target


def _use(session: nox.Session, folder: Path, index: Path, version: str) -> None:
    """Install from a local index into a bare environment, and use it as README says."""
    user = folder / "user"
    session.run(_tool(session, "python"), "-m", "venv", str(user))
    theirs = user / "bin"
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(index))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ours = f"http://127.0.0.1:{server.server_port}/simple/"
        pip = (str(theirs / "pip"), "install", "-q")
        # Ours comes from the local index and from nowhere else; what it needs, from PyPI.
        package = f"kling-sdk=={version}"
        session.run(*pip, "--no-deps", "--index-url", ours, package, external=True)
        session.run(*pip, f"kling-sdk[mock]=={version}", "pytest", external=True)
        server.shutdown()
    with session.chdir(folder):  # so that nothing of the repository is imported
        for script in (("smoke.py",), ("readme.py", str(ROOT / "README.md"))):
            name, *arguments = script
            command = (str(theirs / "python"), str(ROOT / ".ci" / name), *arguments)
            session.run(*command, str(theirs / "kling-mock"), external=True)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Measure speed against the raw libraries: all briefly, or `-- NAME [--quick] [--write]`."""
    _install(session)
    runs = [session.posargs] if session.posargs else [[name, "--quick"] for name in BENCHMARKS]
    for arguments in runs:
        session.run(_tool(session, "python"), "-m", "tests.benchmarks", *arguments)


@nox.session
def proofs(session: nox.Session) -> None:
    """Run the proofs with the sizes that are published, and show their figures."""
    _install(session)
    where = session.posargs or ["tests/proof"]
    _pytest(session, "-n", "0", "-m", "", "-s", "--timeout", "3600", *where, size="full")
