"""The page about the relay: its example runs, and its tables are complete."""

from __future__ import annotations

import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from kling_mock.cli.main import main
from kling_mock.relay.domain.repeats import WAIT_LIMIT, WAITING_PER_TOKEN, in_progress
from kling_mock.relay.domain.user_webhooks import DELAYS
from kling_mock.relay.metrics.counters import Metrics
from kling_mock.relay.metrics.prometheus import exposition
from kling_mock.relay.operator.operations import CALLS
from kling_mock.relay.settings import CREATE_LEASE, RelaySettings
from kling_mock.storage.values import (
    REPEATS,
    Backlog,
    SlowTransaction,
    StoreStatistics,
    StoreSummary,
)

PAGE = (Path(__file__).parents[2] / "docs" / "relay.md").read_text("utf-8")


def test_the_example_runs(capsys: Any) -> None:
    """Copied from the page, the example makes a video and prints what it cost."""
    for source in re.findall(r"<!-- example -->\n```python\n(.*?)```", PAGE, re.DOTALL):
        exec(source, {})  # noqa: S102 - our own page
    url, quota = capsys.readouterr().out.split()
    assert url.startswith("http://127.0.0.1:")
    assert int(quota) == 105_000


def test_every_call_of_the_operator_is_in_the_table() -> None:
    """The page names each path of the operator's API."""
    cells = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    for call in CALLS:
        path = re.escape(call.path.removeprefix("/")).replace(r"\{id\}", r"\{[a-z_]+\}")
        # The methods of a path stand before it, as in "`GET`, `POST users`".
        named = [re.search(rf"((?:`[A-Z]+`, )*`[A-Z]+) {path}`", cell) for cell in cells]
        methods = "".join(match[1] for match in named if match)
        assert re.search(rf"`{call.method}\b", methods), (call.method, call.path)


def test_the_page_counts_right() -> None:
    """The numbers of attempts and hours are those of the schedule."""
    assert f"{('seven', 'eight')[len(DELAYS) == 7]} times" in PAGE
    assert f"{round(sum(DELAYS) / 3600)} hours" in PAGE


def test_the_page_tells_how_long_a_repeat_waits() -> None:
    """The limits of repeated creates are those of the code."""
    assert f"at most {WAIT_LIMIT} s, and then" in PAGE
    assert f"{WAITING_PER_TOKEN} repeats of the token" in PAGE
    assert f"`Retry-After: {in_progress().retry_after}`" in PAGE
    assert f"at most {CREATE_LEASE} s (`create_lease`)" in PAGE
    assert f"`upstream_timeout`, {RelaySettings().upstream_timeout:g} s" in PAGE


def test_every_metric_is_in_the_table() -> None:
    """The page names each metric that is served, and each word of its labels."""
    metrics = Metrics(lambda: 0.0)
    metrics.request("GET", "/health", 200, 0.0)
    statistics = StoreStatistics(
        dict.fromkeys(REPEATS, 0), (SlowTransaction("settle", 1, 2.0),), 1.0
    )
    store_counts = Backlog(), StoreSummary(0, 0, 0, 0, 0)
    for family in text_string_to_metric_families(
        exposition(metrics, statistics, store_counts, "")[0].decode()
    ):
        name = family.name.removeprefix("kling_relay_")
        assert f"`{name}{'_total' if family.type == 'counter' else ''}`" in PAGE
        for sample in family.samples:
            for label, word in sample.labels.items():
                if label in {"outcome", "source", "call", "reason"}:
                    assert f"`{word}`" in PAGE
                assert label == "le" or f"`{label}`" in PAGE


def test_the_commands_run(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    """Copied from the page, each line does what it says, and shows no key."""
    (script,) = re.findall(r"<!-- shell -->\n```sh\n(.*?)```", PAGE, re.DOTALL)
    monkeypatch.setenv("KLING_MOCK_DB", f"sqlite:///{tmp_path / 'relay.db'}")
    monkeypatch.setenv("KLING_KEY", "access|very-secret")
    monkeypatch.setenv("SECOND_KEY", "another|quite-secret")
    printed: list[str] = []
    for line in script.splitlines():
        before, _, command = line.rpartition(" | ")
        if before:
            piped = subprocess.run(["bash", "-c", before], capture_output=True, check=True)
            monkeypatch.setattr(sys, "stdin", io.StringIO(piped.stdout.decode()))
        program, *words = shlex.split(command)
        assert program == "kling-mock"
        assert main(words) == 0, line
        printed.append(capsys.readouterr().out)
    changed, balance = json.loads(printed[1]), json.loads(printed[-1])
    assert (changed["priority"], len(changed["keys"])) == (10, 2)
    assert (balance["quota"], balance["is_explained"]) == (5_500_000, True)
    assert all(printed)
    for key in ("very-secret", "quite-secret"):
        assert key not in "".join(printed)
