"""The page about the relay: its example runs, and its tables are complete."""

from __future__ import annotations

import argparse
import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kling_mock.cli.main import main, make_parser
from kling_mock.cli.relay import _RELAY_LIMITS, _TIMEOUTS
from kling_mock.relay.domain.breaker import FAILURES
from kling_mock.relay.domain.json_body import MAX_DEPTH, MAX_MEMBER_NAME, MAX_VALUES
from kling_mock.relay.domain.repeats import WAIT_LIMIT, WAITING_PER_TOKEN, in_progress
from kling_mock.relay.domain.shared_time import ClockStatus
from kling_mock.relay.domain.stored_values import _MAX_REASON, _MAX_URL
from kling_mock.relay.domain.user_webhooks import DELAYS
from kling_mock.relay.domain.wire import (
    MAX_EXTERNAL_ID,
    MAX_NAME,
    MAX_PROMPT,
    MAX_SECONDS,
    MAX_URL,
    MAX_WORD,
)
from kling_mock.relay.http.handler import body_limit
from kling_mock.relay.metrics.counters import Metrics
from kling_mock.relay.metrics.prometheus import exposition
from kling_mock.relay.operator.operations import CALLS
from kling_mock.relay.service.channel_registry import FRESH
from kling_mock.relay.service.open_tasks import RECOUNT_AFTER
from kling_mock.relay.service.webhook_sender import _TIMEOUT
from kling_mock.relay.settings import CREATE_LEASE, RelaySettings
from kling_mock.relay.storage.text import MAX_ID, TEXT_BYTES
from kling_mock.relay.storage.values import (
    REPEATS,
    Backlog,
    ReceiverCounts,
    SlowTransaction,
    StoreStatistics,
    StoreSummary,
)
from kling_mock.web.access import FREE
from kling_mock.web.limits import _MAX, _RESERVE, Limits
from kling_mock.web.values import MAX_DIGITS

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


def test_the_page_says_how_late_a_process_learns_of_others() -> None:
    """The page states it for a changed channel, and for tasks that other processes created."""
    assert f"within {FRESH:g} seconds in other processes" in PAGE
    assert f"counted at least every {RECOUNT_AFTER:g} seconds" in PAGE


def test_every_metric_is_in_the_table() -> None:
    """The page names each metric that is served, and each word of its labels."""
    metrics = Metrics(lambda: 0.0)
    metrics.request("GET", "/health", 200, 0.0)
    statistics = StoreStatistics(
        dict.fromkeys(REPEATS, 0), (SlowTransaction("settle", 1, 2.0),), 1.0
    )
    store_counts = Backlog(), StoreSummary(0, 0, 0, 0, 0), ReceiverCounts(0, 0)
    for family in text_string_to_metric_families(
        exposition(metrics, {}, (True, {}), ClockStatus(None), statistics, store_counts, "")[
            0
        ].decode()
    ):
        name = family.name.removeprefix("kling_relay_")
        assert f"`{name}{'_total' if family.type == 'counter' else ''}`" in PAGE
        for sample in family.samples:
            for label, word in sample.labels.items():
                if label in {"outcome", "source", "call", "reason", "limit"}:
                    assert f"`{word}`" in PAGE
                assert label == "le" or f"`{label}`" in PAGE


LIMITS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in re.findall(r"<!-- limits -->\n(.*?)\n\n", PAGE, re.DOTALL)[0].splitlines()[2:]
]
RELAY_OPTIONS: dict[str, argparse.Action] = {
    name.removeprefix("--"): action
    for group in make_parser(["relay"])._actions
    if isinstance(group.choices, dict)
    for action in group.choices["relay"]._actions
    for name in action.option_strings
}


def plain(text: str) -> str:
    """Return *text* with its numbers as a program writes them: 10000 for 10 000."""
    return re.sub(r"(?<=\d)[ ,](?=\d{3})", "", text)


def mebibytes(endpoint: str) -> int:
    return body_limit(endpoint) // 1024**2


#: The fixed limits, by a word of their row: what the page says, from the code.
FIXED: dict[str, str] = {
    "bytes of a body": f"{mebibytes('')} MiB; of a create {mebibytes('motion-control')} MiB for "
    "each picture or sound that its endpoint takes, "
    f"{mebibytes('omni-video')} where it takes a list of them",
    "levels and values": f"{MAX_DEPTH}, {MAX_VALUES}, {MAX_MEMBER_NAME}",
    "digits of a number": f"{MAX_DIGITS}",
    "`duration`": f"above 0 and up to {MAX_SECONDS} seconds, 20 characters written out",
    "`prompt`": f"{MAX_PROMPT} bytes of UTF-8",
    "characters of `model`": f"{MAX_NAME}, {MAX_WORD}, {MAX_WORD}, {MAX_EXTERNAL_ID}, {MAX_URL}",
    "repeats of a token": f"{WAITING_PER_TOKEN}",
    "wrong admin tokens": f"{FREE}",
    "leaves unanswered": f"{FAILURES}",
    "seconds of a call": f"{RelaySettings().upstream_timeout:g}, {_TIMEOUT:g}",
    "characters of Kling's id": f"{MAX_EXTERNAL_ID}",
    "characters of URL": f"{_MAX_URL}, {MAX_ID}",
    "characters of `fail_reason`": f"{_MAX_REASON}",
    "bytes of `json_data`": f"{TEXT_BYTES}",
    "bytes of a channel's": f"{TEXT_BYTES}",
}


@pytest.mark.parametrize("row", LIMITS, ids=[row[0][:40] for row in LIMITS])
def test_every_limit_is_as_the_table_says(row: list[str]) -> None:
    """A setting exists under its name and has that default; a fixed limit is that of the code."""
    what, setting, default, beyond = row
    assert beyond
    if setting == "fixed":
        (fixed,) = (text for word, text in FIXED.items() if word in what)
        assert plain(default) == plain(fixed)
        return
    option = setting.strip("`").removeprefix("--")
    action = RELAY_OPTIONS[option]
    assert action.help is not None
    if option == "max-connections":
        assert action.default is None
        assert f"less {_RESERVE}, at most {_MAX}" in plain(default)
        assert f"less {_RESERVE}, at most {_MAX}" in action.help
    elif option.endswith("-timeout"):
        name = option.removesuffix("-timeout")
        assert float(default) == getattr(Limits(), f"{name}_seconds")
        assert f"(default {default})" in action.help
    else:
        assert float(default) == action.default
        assert hasattr(RelaySettings(), option.replace("-", "_"))


def test_every_limit_that_can_be_set_is_in_the_table() -> None:
    """An option that is added later is missing here."""
    listed = {setting.strip("`").removeprefix("--") for _, setting, _, _ in LIMITS} - {"fixed"}
    assert listed == {
        "max-connections",
        *(f"{name}-timeout" for name in _TIMEOUTS),
        *_RELAY_LIMITS,
    }
    assert len(FIXED) == sum(setting == "fixed" for _, setting, _, _ in LIMITS)


def test_a_relay_has_the_limits_of_its_command() -> None:
    """The limits are the same, except those of tokens, which a relay for tests does not have."""
    settings = RelaySettings()
    off = {name for name in _RELAY_LIMITS if not getattr(settings, name.replace("-", "_"))}
    assert off == {"token-rate", "open-tasks-per-token"}
    for name in _RELAY_LIMITS.keys() - off:
        assert getattr(settings, name.replace("-", "_")) == _RELAY_LIMITS[name][0]


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
