"""The project's commands: `nox -l` lists them, `nox -s NAME` runs one.

Each session makes an environment of its own under `.nox` and keeps it. With `--no-venv` it uses
the environment that nox itself is installed in, which the extra `dev` makes complete:
`.venv/bin/nox --no-venv -s lint`. What follows `--` goes to the command:
`nox -s tests -- -k relay`.
"""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import random
import re
import shutil
import sys
import tempfile
import threading
import tomllib
from pathlib import Path
from typing import Any

import nox

ROOT = Path(__file__).parent
LARGEST_WHEEL = 3_000_000  # bytes
NOT_FOR_USERS = {"dev", "docs", "test"}  # extras of the project itself
SMALLEST_COVERAGE = 95  # percent of lines and branches
SLOWEST_UNMARKED = 0.6  # seconds of CPU time; see tests/speed.py
#: Much of the time goes by waiting, so there are more workers than cores. What shares something
#: expensive, such as a cluster, is a group that one worker runs.
WORKERS = ("-n", str(2 * (os.cpu_count() or 1)), "--dist", "loadgroup")
PROOFS = ("-n", "0", "-m", "", "-s", "--timeout", "3600")
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


def _pytest(session: nox.Session, *arguments: str, **environment: str) -> None:
    session.run(_tool(session, "python"), "-m", "pytest", *arguments, env=environment)


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests, those that are slow too."""
    _install(session, "dev,docs")
    chosen = ("--folder-times", *session.posargs)
    _pytest(session, "-q", *WORKERS, "-m", "not alone", *chosen)
    # Those that measure time, with nothing beside them. 5: what follows `--` chooses none of them.
    words = ("-m", "pytest", "-q", "-n", "0", "-m", "alone", *chosen)
    session.run(_tool(session, "python"), *words, success_codes=[0, 5])


@nox.session
def fast(session: nox.Session) -> None:
    """Run the tests that are not slow; name unmarked ones that are."""
    _install(session, "test")
    limit = ("--slow-after", str(SLOWEST_UNMARKED))
    _pytest(session, "-q", "-n", "auto", *limit, *session.posargs)


@nox.session
def promises(session: nox.Session) -> None:
    """Run a few slow tests of each promise, which take about a minute of CPU time."""
    _install(session)
    _pytest(session, "-q", "-n", "auto", "@tests/promises.txt", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Run the tests that are not slow, and fail if they cover too little.

    With them those of the online migration, which are slow: nothing else runs its code.
    """
    _install(session)
    measure = (_tool(session, "python"), "-m", "coverage")
    session.run(*measure, "erase")
    online = sorted(map(str, Path("tests/mock/relay/migration/online").glob("test_*.py")))
    what = ("-q", "-n", "auto", "tests", *online)
    session.run(*measure, "run", "-m", "pytest", *what, *session.posargs)
    session.run(*measure, "combine", "-q")
    session.run(*measure, "report", "--skip-covered", f"--fail-under={SMALLEST_COVERAGE}")


@nox.session
def nightly(session: nox.Session) -> None:
    """Run all tests with other random cases and more of them, then the proofs; `-- SEED` repeats.

    What follows the seed goes to pytest, and leaves out the proofs.
    """
    _install(session, "dev,docs")
    seed, *where = session.posargs or [str(random.randrange(2**32))]  # noqa: S311 - no secret
    session.log(f"to repeat this run: nox -s nightly -- {seed}")
    words = ("-q", *WORKERS, "-m", "", f"--hypothesis-seed={seed}", "--timeout", "1800", *where)
    _pytest(session, *words, KLING_TEST_NIGHTLY="1")
    if not where:
        _pytest(session, *PROOFS, "tests/proof", KLING_PROOF_SIZE="full")


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
    session.run(python, "-m", "tests.endpoint_files")
    session.run(python, "-m", "tests.reference", "docs")
    session.run(python, "-m", "tests.evidence", "docs")
    session.run(python, "-m", "kling_mock.relay.storage")
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
            source = _release_source(session, Path(folder, "source"), *session.posargs)
        project = tomllib.loads((source / "pyproject.toml").read_text("utf-8"))["project"]
        index = Path(folder, "index")
        built = index / "simple" / "kling-sdk"
        session.run(python, "-m", "build", "--outdir", str(built), str(source), silent=True)
        sdist, wheel = next(built.glob("*.tar.gz")), next(built.glob("*.whl"))
        session.run(python, "-m", "twine", "check", "--strict", str(sdist), str(wheel))
        session.run(python, str(ROOT / ".ci" / "contents.py"), str(source), str(sdist), str(wheel))
        if wheel.stat().st_size > LARGEST_WHEEL:
            session.error(f"{wheel.name}: {wheel.stat().st_size} bytes; most is {LARGEST_WHEEL}")
        extras = set(project["optional-dependencies"]) - NOT_FOR_USERS if session.posargs else set()
        _use(session, Path(folder), index, source, f"=={project['version']}", sorted(extras))
        if session.posargs:
            _before_upload(session, project, sdist, wheel)


def _release_source(session: nox.Session, target: Path, version: str, commit: str = "HEAD") -> Path:
    """Return a clean clone with the release of *version* committed: its number, its changelog."""
    git = ("git", "-C", str(target))
    session.run("git", "clone", "-q", str(ROOT), str(target), external=True)
    session.run(*git, "checkout", "-q", "--detach", commit, external=True)
    log = (*git, "log", "-1", "--format=%H %cs %ct")
    full, day, seconds = str(session.run(*log, external=True, silent=True)).split()
    session.env["SOURCE_DATE_EPOCH"] = seconds  # the same commit gives the same bytes
    session.log(f"release {version} of commit {full}")
    for name, pattern, text in (
        ("pyproject.toml", r'(?m)^version = ".*"$', f'version = "{version}"'),
        ("CHANGELOG.md", r"(?m)^## \[Unreleased\]$", f"## [Unreleased]\n\n## [{version}] - {day}"),
        ("README.md", r"(?s)<!-- until the release -->.*?<!-- end -->\n\n", ""),
        ("README.md", r"'\./kling-sdk", "'kling-sdk"),
    ):
        file = target / name
        changed, count = re.subn(pattern, text, file.read_text("utf-8"))
        if count != 1:
            session.error(f"{name} has {count} places like {pattern}, not 1")
        file.write_text(changed, "utf-8")
    author = ("-c", "user.name=rehearsal", "-c", "user.email=rehearsal@localhost")
    session.run(*git, *author, "commit", "-qam", f"Release {version}", external=True)
    session.run(*git, "tag", f"v{version}", external=True)
    return target


def _use(
    session: nox.Session, folder: Path, index: Path, source: Path, pin: str, extras: list[str]
) -> None:
    """Install from a local index into bare environments; use it as README says."""
    readme = source / "README.md"
    requirement = re.findall(r"pip install '(?:\./)?(kling-sdk\[\w+\])'", readme.read_text("utf-8"))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(index))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ours = f"http://127.0.0.1:{server.server_port}/simple/"

        def install(name: str, *requirements: str) -> Path:
            session.run(_tool(session, "python"), "-m", "venv", str(folder / name))
            pip = (str(folder / name / "bin" / "pip"), "install", "-q")
            # Ours comes from the local index and from nowhere else; what it needs, from PyPI.
            session.run(*pip, "--no-deps", "--index-url", ours, f"kling-sdk{pin}", external=True)
            session.run(*pip, *requirements, external=True)
            return folder / name / "bin"

        theirs = install("user", f"{requirement[0]}{pin}", "pytest")
        with session.chdir(folder):  # so that nothing of the repository is imported
            for extra in extras:
                bare = install(extra, f"kling-sdk[{extra}]{pin}")
                session.run(str(bare / "pip"), "check", external=True)
                load = "import kling_sdk, kling_mock; kling_sdk.Kling('AK|SK').close()"
                session.run(str(bare / "python"), "-W", "error", "-c", load, external=True)
        server.shutdown()
    python, mock = str(theirs / "python"), str(theirs / "kling-mock")
    with session.chdir(folder):
        readme_run = (str(ROOT / ".ci" / "readme.py"), str(readme), mock)
        session.run(python, *readme_run, external=True)
        session.run(str(theirs / "pip"), "install", "-q", f"kling-sdk[cli]{pin}", external=True)
        optimized = {"PYTHONOPTIMIZE": "2"}
        session.run(python, str(ROOT / ".ci" / "smoke.py"), mock, env=optimized, external=True)


def _before_upload(session: nox.Session, project: dict[str, Any], *files: Path) -> None:
    """Leave the files in `dist/`, and say what is missing and what the last step is."""
    (ROOT / "dist").mkdir(exist_ok=True)
    for file in files:
        copy = shutil.copy(file, ROOT / "dist")
        session.log(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {Path(copy).name}")
    if "Source" not in project["urls"]:
        session.warn("pyproject.toml names no repository: [project.urls] needs a Source")
    session.log("last step, not taken: twine upload " + " ".join(f"dist/{f.name}" for f in files))


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
    _pytest(session, *PROOFS, *where, KLING_PROOF_SIZE="full")
