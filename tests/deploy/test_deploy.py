"""The files in deploy/: each is read, checked or run by the program that it is for.

The images themselves are not built here: their base comes from a registry.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock, RelaySettings
from tests.started import ROOT, started

DEPLOY = ROOT / "deploy"
VARIABLE = re.compile(r"^([A-Z_]+)=", re.MULTILINE)


def run(*words: str | Path) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def compose() -> dict[str, Any]:
    import yaml  # type: ignore[import-untyped]  # no stubs

    services: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return services


def test_every_variable_of_the_example_is_read_by_something() -> None:
    """A misspelt one would be a setting that does nothing."""
    variables = VARIABLE.findall((DEPLOY / "relay.env.example").read_text())
    ours = {name for name in variables if name.startswith("KLING_")}
    code = "".join(file.read_text("utf-8") for file in ROOT.glob("kling_*/**/*.py"))
    assert {name for name in ours if f'"{name}"' not in code} == set()
    assert {name for name in variables if name not in ours} == {
        "MARIADB_DATABASE",
        "MARIADB_USER",
        "MARIADB_PASSWORD",
        "MARIADB_RANDOM_ROOT_PASSWORD",  # read by the image of MariaDB
    }


def test_the_image_copies_what_its_build_reads() -> None:
    """What the build needs, and nothing else, passes .dockerignore."""
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    assert all((ROOT / name).exists() for name in allowed)
    project = (ROOT / "pyproject.toml").read_text()
    assert {"pyproject.toml", "README.md", "LICENSE"} <= allowed
    packages = tomllib.loads(project)["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(packages) <= allowed


@pytest.mark.slow
def test_the_commands_of_the_container_serve_a_healthy_relay(tmp_path: Path) -> None:
    """The image's command starts, and compose's health check passes while it is healthy."""
    service = compose()["relay"]
    words = [word.replace("0.0.0.0", "127.0.0.1") for word in service["command"]]  # noqa: S104 - the container's
    variables = {
        "KLING_MOCK_DB": f"sqlite:///{tmp_path / 'relay.db'}",
        "KLING_API_KEY": "key",
        "KLING_BASE_URL": "https://api-singapore.klingai.com",
    }
    with started(*words, "--port", "0", variables=variables) as (_, ready):
        _, _, *check = service["healthcheck"]["test"]
        script = check[1].replace("http://127.0.0.1:3000", ready["relay_url"])
        run(sys.executable, "-c", script)
        assert script != check[1]


@pytest.mark.slow
@pytest.mark.programs("systemd-analyze")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """Each setting is known, and what it lets the relay do is little."""
    unit = tmp_path / "kling-relay.service"
    text = (DEPLOY / "kling-relay.service").read_text()
    program = shutil.which("true")
    unit.write_text(text.replace("/opt/kling-relay/bin/kling-mock", str(program)))
    assert run("systemd-analyze", "verify", unit) == ""
    exposure = run("systemd-analyze", "security", "--offline=true", unit)
    level = re.search(r"exposure level for .*: ([\d.]+)", exposure)
    assert level
    assert float(level[1]) < 4  # of 10; systemd calls it OK


def test_the_unit_keeps_secrets_out_of_the_journal() -> None:
    """What a relay prints when it is ready has tokens; its errors are elsewhere."""
    unit = (DEPLOY / "kling-relay.service").read_text().splitlines()
    assert {"StandardOutput=null", "StandardError=journal"} <= {*unit}  # inherited: null as well


def test_the_page_installs_the_commands_that_it_uses() -> None:
    """On a machine that has nothing else, in the environment that it makes."""
    extras = "[mock,metrics,cli]"  # of kling-mock, of its metrics, and of kling
    unit = (DEPLOY / "kling-relay.service").read_text()
    for name in ("operating.md", "operating.zh-CN.md"):
        page = (ROOT / "docs" / name).read_text("utf-8")
        folder, database = "/opt/kling-relay/bin", "sqlite:////var/lib/kling-relay/relay.db"
        assert f"{folder}/pip install './kling-sdk{extras}'" in page
        assert f"export KLING_MOCK_DB={database} PATH={folder}:$PATH" in page
        assert f"pip install './kling-sdk{extras}'" in unit
        assert f"KLING_MOCK_DB={database}" in unit


@contextmanager
def nginx(folder: Path, relay: str, operator: str) -> Iterator[httpx.Client]:
    """Run nginx with the site; its ports and certificate are a test's, and *operator* is let in."""
    names = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=relay"]
    run(
        *names,
        "-keyout",
        folder / "relay.example.com.key",
        "-out",
        folder / "relay.example.com.pem",
    )
    site = (DEPLOY / "nginx.conf").read_text()
    changes = {
        "server 127.0.0.1:3000;": f"server {relay};",
        "listen 443 ssl;": f"listen unix:{folder}/site.sock ssl;",
        "/etc/ssl": str(folder),
        "allow 127.0.0.1;": f"allow {operator};",
    }
    for old, new in changes.items():
        assert site.count(old) >= 1, old
        site = site.replace(old, new)
    logs = f"pid {folder}/pid; error_log {folder}/error.log;"
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"{logs} events {{}} http {{ access_log off; {paths}\n"
        f"set_real_ip_from unix:; real_ip_header X-Test-Address;\n{site}\n}}"
    )
    run("nginx", "-t", "-p", folder, "-c", configuration)
    run("nginx", "-p", folder, "-c", configuration)
    try:
        transport = httpx.HTTPTransport(uds=str(folder / "site.sock"), verify=False)
        with httpx.Client(
            transport=transport,
            base_url="https://relay.example.com",
            headers={"X-Test-Address": "192.0.2.7"},
            timeout=60,
        ) as client:
            yield client
    finally:
        run("nginx", "-p", folder, "-c", configuration, "-s", "stop")


@pytest.mark.slow
@pytest.mark.programs("nginx")
def test_nginx_passes_on_what_users_send_and_keeps_the_rest_to_the_operator(
    tmp_path: Path,
) -> None:
    """A create with a large picture passes; the operator's calls do so from his address only."""
    settings = RelaySettings(admin_hosts=frozenset({"relay.example.com"}))
    with KlingMock(admin="remote", relay=settings) as mock:
        address = mock.relay_url.removeprefix("http://")
        user = {"Authorization": f"Bearer {mock.relay_token}"}
        admin = {"Authorization": f"Bearer {mock.admin_token}"}
        operator = "198.51.100.1"
        with nginx(tmp_path, address, operator) as http:
            assert http.get("/health").status_code == 200
            body = {"prompt": "a kitten", "image": "https://a.example/" + "a" * 15_000_000}
            path = "/kling/v1/videos/image2video"
            large = http.post(path, json=body, headers=user)
            assert large.headers["x-request-id"], "it reached the relay"
            body["image"] = "https://a.example/a.png"
            assert http.post(path, json=body, headers=user).status_code == 200
            for place in ("/__kling/relay/users", "/metrics"):
                assert http.get(place, headers=admin).status_code == 403
                own = {**admin, "X-Test-Address": operator}
                reply = http.get(place, headers=own)
                assert reply.status_code == 200, reply.text


@pytest.mark.slow
def test_a_backup_of_sqlite_while_the_relay_works_is_of_one_moment(tmp_path: Path) -> None:
    """The statement of the page, in the middle of 60 creates: every balance is explained."""
    page = (ROOT / "docs" / "operating.md").read_text("utf-8")
    statement = re.search(r"VACUUM INTO '[^']+'", page)
    assert statement
    backup = tmp_path / "backup.db"
    settings = RelaySettings(database=f"sqlite:///{tmp_path / 'relay.db'}")
    with KlingMock(clock=1, relay=settings) as mock, mock.relay_client() as kling:
        mock.progress.add("instant")  # callbacks settle them at once
        with ThreadPoolExecutor(4) as threads:
            work = [
                threads.submit(kling.text2video.create, prompt=f"kitten {n}") for n in range(60)
            ]
            while sum(future.done() for future in work) < 20:
                time.sleep(0.01)
            with closing(sqlite3.connect(tmp_path / "relay.db")) as database:
                database.execute(statement[0].replace("backup.db", str(backup)))
        assert len({future.result().task_id for future in work}) == 60
    with closing(sqlite3.connect(backup)) as database:
        ((rows,),) = database.execute("SELECT COUNT(*) FROM videos")
    assert 20 <= rows < 60
    run(sys.executable, "-m", "kling_mock", "reconcile", "--db", f"sqlite:///{backup}")
