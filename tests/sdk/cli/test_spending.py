"""The price of a command is known, and bounded, before it sends anything."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from io import StringIO

import pytest

from kling_mock import KlingMock
from kling_sdk import RequestValidationError, TextToVideo
from kling_sdk.cli import main
from kling_sdk.cli.spending import add_spending_options, check_ceiling, estimate_row

CHEAP = TextToVideo(prompt="x")  # 1.5 units
DEAR = TextToVideo(prompt="x", model_name="kling-v3", mode="4k", duration=15)  # 45 units
UNKNOWN = TextToVideo(prompt="x", model_name="kling-v9")


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_spending_options(parser)
    return parser.parse_args(arguments)


def test_an_estimate_is_one_row() -> None:
    """The row has its source; `--json` has the same."""
    assert estimate_row(CHEAP) == {
        "units": "1.5",
        "priced_on": "2026-09-20",
        "source": "the vendor's price list, two copies",
        "confidence": "high",
    }
    row = json.loads(json.dumps(estimate_row(UNKNOWN)))
    assert "units" not in row
    assert "kling-v9" in row["reason"]


def test_a_ceiling_holds_for_all_together() -> None:
    """Spending up to the ceiling is allowed; None means unlimited."""
    check_ceiling([CHEAP, DEAR], Decimal("46.5"))
    check_ceiling([DEAR, UNKNOWN], None)
    check_ceiling([], Decimal(0))
    with pytest.raises(RequestValidationError) as caught:
        check_ceiling([CHEAP, DEAR], Decimal("46.4"))
    assert str(caught.value) == (
        "max_units is 46.4, but the cost would be 46.5 units; expected a higher ceiling"
    )


def test_what_has_no_price_is_over_every_ceiling() -> None:
    """Otherwise a new model would pass every ceiling."""
    with pytest.raises(RequestValidationError, match="the price of this request is not known: "):
        check_ceiling([CHEAP, UNKNOWN], Decimal(1_000_000))


@pytest.fixture
def mock() -> Iterator[KlingMock]:
    with KlingMock(seed=1) as mock:
        yield mock


def create(mock: KlingMock, *arguments: str) -> int:
    """Run `kling create text2video`; return its exit status."""
    command = ["create", "text2video", "--prompt", "x", *arguments]
    return main(command, open_client=mock.client)


def test_the_command_prints_an_estimate_and_sends_nothing(
    mock: KlingMock, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is printed as columns, or as JSON."""
    assert create(mock, "--estimate") == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["units", "1.5"]
    assert create(mock, "--estimate", "--json") == 0
    assert json.loads(capsys.readouterr().out) == estimate_row(CHEAP)
    mock.journal.assert_not_called("POST /v1/videos/text2video")


def test_the_command_keeps_to_its_ceiling(
    mock: KlingMock, capsys: pytest.CaptureFixture[str]
) -> None:
    """What would cost more is not sent; what costs as much is."""
    assert create(mock, "--max-units", "1.4") == 2
    assert "the cost would be 1.5 units" in capsys.readouterr().err
    assert create(mock, "--max-units", "99", "--model-name", "kling-v9") == 2
    mock.journal.assert_not_called("POST /v1/videos/text2video")
    assert create(mock, "--max-units", "1.5") == 0
    mock.journal.assert_called("POST /v1/videos/text2video", times=1)


class Terminal(StringIO):
    """A terminal on which a person types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("words", "variable", "answer", "status"),
    [
        (["--confirm"], "", "y\n", 0),
        (["--confirm"], "", "YES\n", 0),
        (["--confirm"], "", "\n", 2),
        (["--confirm"], "", "", 2),
        ([], "1", "n\n", 2),
        ([], "0", "n\n", 0),
    ],
)
def test_the_command_asks_before_it_sends(
    mock: KlingMock,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    variable: str,
    answer: str,
    status: int,
) -> None:
    """Anything but yes sends nothing."""
    monkeypatch.setenv("KLING_CONFIRM", variable)
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    assert create(mock, *words) == status
    is_asked = "This costs 1.5 units. Send it? [y/N] " in capsys.readouterr().err
    assert is_asked is (bool(words) or variable == "1")
    mock.journal.assert_called("POST /v1/videos/text2video", times=int(status == 0))


def test_it_cannot_ask_without_a_terminal(
    mock: KlingMock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script that is to be confirmed sends nothing, and says so."""
    monkeypatch.setattr(sys, "stdin", StringIO("y\n"))
    assert create(mock, "--confirm") == 2
    assert "--confirm needs a terminal" in capsys.readouterr().err
    mock.journal.assert_not_called("POST /v1/videos/text2video")


def test_the_ceiling_is_a_number_of_units(capsys: pytest.CaptureFixture[str]) -> None:
    """It is given as text, so that no fraction is rounded."""
    assert parsed("--max-units", "1.05").max_units == Decimal("1.05")
    assert parsed().max_units is None
    assert parsed("--estimate").estimate is True
    for text in ("-1", "many", "nan", "1e999999"):
        with pytest.raises(SystemExit):
            parsed(f"--max-units={text}")
        assert "must be a number of units, 0 or more" in capsys.readouterr().err
