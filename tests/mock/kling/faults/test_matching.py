"""The requests that a fault matches, how often, and the declaration of faults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock
from kling_mock.kling.faults.kinds import KINDS
from kling_mock.kling.journal.matching import Subject, Where
from tests.plain_http import NO_TLS

LIST = "/v1/videos/text2video"
CREATE = f"POST {LIST}"


# ------------------------------------------------------------ which requests


def acted(api: Any, count: int) -> str:
    """Return for each create whether it was refused: `x`, or accepted: `.`."""
    return "".join("." if api.create().status_code == 200 else "x" for _ in range(count))


def test_after_and_times(mock: KlingMock, api: Any) -> None:
    """The first requests are left alone, the next ones are hit, and later ones are not."""
    mock.faults.add("status", CREATE, after=2, times=3)
    assert acted(api, 8) == "..xxx..."


def test_probability_is_decided_by_the_seed() -> None:
    """Some are hit and some are not, the same ones for the same seed."""

    def run(seed: int) -> list[int]:
        with KlingMock(seed=seed) as mock, httpx.Client(trust_env=False, verify=NO_TLS) as client:
            mock.faults.add("status", probability=0.5)
            return [client.get(mock.kling_url).status_code for _ in range(40)]

    assert run(1) == run(1)
    assert 5 < run(1).count(500) < 35
    assert run(1) != run(2)


def test_certain(mock: KlingMock, api: Any) -> None:
    """Probability 1 hits everything."""
    mock.faults.add("status", CREATE, probability=1)
    assert acted(api, 3) == "xxx"


def test_the_first_that_strikes_counts(mock: KlingMock, api: Any) -> None:
    """If two faults match one stage, the older one acts, and the younger one is not used up."""
    first = mock.faults.add("status", CREATE, http=500, times=1)
    second = mock.faults.add("reset", CREATE, times=1)
    assert api.create().status_code == 500
    assert (first.acted, second.acted) == (1, 0)
    with pytest.raises(httpx.ReadError):
        api.create()
    assert (first.acted, second.acted) == (1, 1)


def test_a_match_may_look_into_the_request(mock: KlingMock, api: Any) -> None:
    """Prompt, external id and account choose, of creates and of queries for the task."""
    mock.faults.add("status", http=500, prompt="KITTEN")
    mock.faults.add("status", http=501, external_id="order-*")
    other = {"Authorization": f"Bearer {mock.accounts.add('other').api_key}"}
    mock.faults.add("status", http=502, account="other")
    assert api.create(prompt="a kitten").status_code == 500
    assert api.create(prompt="a dog", external_task_id="order-1").status_code == 501
    assert api.create(prompt="a dog").status_code == 200
    assert api.http.get(LIST, headers=other).status_code == 502
    shots = [{"index": 1, "prompt": "a kitten", "duration": "5"}, "odd"]
    assert api.create(multi_prompt=shots, prompt=7).status_code == 500
    assert api.http.post(LIST, content=b"{", headers=api.headers()).status_code == 400

    mock.faults.clear()
    task_id = api.new(prompt="a kitten", external_task_id="order-2")
    mock.faults.add("status", "GET", http=500, prompt="kitten")
    assert api.get(f"{LIST}/{task_id}").status_code == 500
    assert api.get(f"{LIST}/order-2").status_code == 500
    assert api.get(f"{LIST}/other").status_code == 400


def test_faults_end(mock: KlingMock, api: Any) -> None:
    """One can be removed, all cleared, and a reset forgets them."""
    first = mock.faults.add("status", CREATE)
    second = mock.faults.add("status", "GET")
    assert list(mock.faults) == [first, second]
    mock.faults.remove(first)
    mock.faults.remove(first)
    assert api.create().status_code == 200
    assert api.get(LIST).status_code == 500
    mock.faults.clear()
    assert api.get(LIST).status_code == 200
    mock.faults.add("reset")
    mock.reset()
    assert len(mock.faults) == 0
    assert api.get(LIST).status_code == 200


@pytest.mark.parametrize(
    ("where", "accepted"),
    [
        (Where(), True),
        (Where("*"), True),
        (Where("POST"), True),
        (Where("GET"), False),
        (Where("/v1/videos/*"), True),
        (Where("* /v1/*"), True),
        (Where("POST /v1/videos/text2video"), True),
        (Where("POST /v1/videos/text"), False),
        (Where(prompt="Kitten", external_id="order-*", account="default"), True),
        (Where(prompt="dog"), False),
        (Where(external_id="order"), False),
        (Where(account="other"), False),
        (Where(statuses=["succeed"]), False),
    ],
    ids=repr,
)
def test_matching(where: Where, *, accepted: bool) -> None:
    """Every part that is given has to fit; what a prompt says is not shown."""
    subject = Subject("POST", "/v1/videos/text2video", "default", "a kitten", "order-1")
    assert where.accepts(subject) is accepted
    assert "itten" not in repr(where)


# ------------------------------------------------------------ declaring


@pytest.mark.parametrize(
    ("kind", "options", "name"),
    [
        ("explode", {}, "kind"),
        ("reset", {"seconds": 1}, "seconds"),
        ("latency", {"seconds": -1}, "seconds"),
        ("latency", {"seconds": "1"}, "seconds"),
        ("latency", {"seconds": float("nan")}, "seconds"),
        ("status", {"http": 204}, "http"),
        ("status", {"http": 99}, "http"),
        ("status", {"code": 7}, "code"),
        ("status", {"message": 7}, "message"),
        ("status", {"body": 7}, "body"),
        ("truncated-body", {"keep": 1.1}, "keep"),
        ("slow-body", {"pieces": 1}, "pieces"),
        ("wrong-length", {"by": 0.5}, "by"),
        ("callback-duplicate", {"copies": 1}, "copies"),
        ("callback-dropped", {"statuses": ["done"]}, "statuses"),
        ("reset", {"after": -1}, "after"),
        ("reset", {"times": 0}, "times"),
        ("reset", {"times": True}, "times"),
        ("reset", {"probability": 2}, "probability"),
        ("reset", {"match": "POST  videos"}, "match"),
        ("reset", {"wrong": 1}, "wrong"),
    ],
)
def test_what_cannot_be_meant_is_named(
    mock: KlingMock, kind: Any, options: dict[str, Any], name: str
) -> None:
    """A wrong declaration is refused by the name of the argument; nothing is added."""
    with pytest.raises(ValueError, match=rf"{name}: .*(must be|takes|accepted)"):
        mock.faults.add(kind, **options)
    with pytest.raises(ValueError, match=r"profile\[0\]\."):
        mock.faults.load(json.dumps([{"kind": kind} | options], default=str))
    assert len(mock.faults) == 0


def test_every_kind_can_be_added_as_it_is(mock: KlingMock) -> None:
    """The defaults of each kind are accepted by itself, and each says what happens."""
    for kind in KINDS.values():
        defaults: Any = {
            name: setting.default
            for name, setting in kind.settings.items()
            if setting.default is not None
        }
        assert mock.faults.add(kind.name, **defaults).settings.keys() == kind.settings.keys()
        assert kind.summary
        assert all(setting.expected for setting in kind.settings.values())
    assert len(mock.faults) == len(KINDS)


def test_a_profile(mock: KlingMock, api: Any, tmp_path: Path) -> None:
    """Faults come from JSON too, as text or as a file; a wrong one loads nothing."""
    profile = {
        "faults": [
            {"kind": "status", "match": CREATE, "http": 503, "times": 1},
            {"kind": "callback-dropped", "statuses": ["succeed"], "prompt": "kitten"},
        ]
    }
    file = tmp_path / "faults.json"
    file.write_text(json.dumps(profile), encoding="utf-8")
    loaded = mock.faults.load(file)
    assert [fault.kind.name for fault in loaded] == ["status", "callback-dropped"]
    assert api.create().status_code == 503
    mock.faults.load('[{"kind": "stuck"}]')
    assert len(mock.faults) == 3
    for text in (
        "{}",
        "7",
        "[7]",
        "[{}]",
        "nonsense",
        '[{"kind": "stuck"}, {"kind": "stuck", "prompt": 7}]',
        '[{"kind": "stuck", "statuses": [7]}]',
        '[{"kind": "stuck", "match": 7}]',
    ):
        with pytest.raises(ValueError, match=r"profile|Expecting"):
            mock.faults.load(text)
    assert len(mock.faults) == 3
