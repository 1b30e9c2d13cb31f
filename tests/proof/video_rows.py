"""The rows of a table `videos` that is written to while it is migrated, and a judge of them.

What the table began with is a formula, and what writers have changed is what was acknowledged to
them. The judge reads the table by SQL of its own, in Python, and does not use the product.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import attrs

from kling_mock.relay.migration.database.session import Session

#: Writers, each of which has its own share of the rows, and so knows their last state.
SHARES: Final = 4
#: Rows of each share that only a transaction over all rows changes; `user_id` is HELD + share.
HELD_ROWS: Final = 20
HELD: Final = 90_000
#: When the oldest row was made, in Unix seconds.
BEGAN: Final = 1_700_000_000

#: The columns that differ from row to row, in the order of `Row`.
COLUMNS: Final = ("task_id", "created_at", "user_id", "status", "quota", "prompt", "store_url")
#: The others, which have the same value in each row.
CONSTANT: Final[Mapping[str, str | int]] = {
    "type": "text2video",
    "provider": "kling",
    "mode": "std",
    "duration": "5",
    "resolution": "1080p",
    "username": "anna",
    "channel_id": 3,
    "model": "kling-v1-5-std",
    "fail_reason": "风控",
    "video_id": "812345678901234567",
    "n": 1,
    "credentials": "c",
}
_PAGE: Final = 20_000


class Row(NamedTuple):
    """The contents of a row.

    Attributes:
        prompt: Length and hash of the text.
    """

    task_id: str
    created_at: int
    user_id: int
    status: str
    quota: int
    prompt: str
    store_url: str


def hashed(text: str) -> str:
    """Return what `Row` has of a prompt."""
    value = text.encode()
    return f"{len(value)}:{hashlib.sha256(value).hexdigest()}"


def original(number: int) -> Row:
    """Return the row of that number, as `fill` has made it."""
    is_held = number < SHARES * HELD_ROWS
    return Row(
        f"old-{number:032}",
        0 if number % 50 == 0 else BEGAN + number // 2,
        HELD + number % SHARES if is_held else number % 900,
        "succeed",
        number % 1_000,
        hashed(f"{number:010}" * 70),
        f"https://cdn.example.com/{number:064}",
    )


def fill(session: Session, rows: int) -> None:
    """Insert the original rows. Times rise with the number, two rows have each, some have none."""
    values = {
        "task_id": "CONCAT('old-', LPAD(k, 32, '0'))",
        "created_at": f"IF(k % 50 = 0, NULL, {BEGAN} + k DIV 2)",
        "user_id": f"IF(k < {SHARES * HELD_ROWS}, {HELD} + k % {SHARES}, k % 900)",
        "status": "'succeed'",
        "quota": "k % 1000",
        "prompt": "REPEAT(LPAD(k, 10, '0'), 70)",
        "store_url": "CONCAT('https://cdn.example.com/', LPAD(k, 64, '0'))",
        **{name: repr(value) for name, value in CONSTANT.items()},
    }
    for first in range(0, rows, 50_000):
        session.execute(
            f"INSERT INTO videos ({', '.join(values)}) WITH RECURSIVE s AS "
            "(SELECT 0 AS d UNION ALL SELECT d + 1 FROM s WHERE d < 999) "
            f"SELECT {', '.join(values.values())} FROM (SELECT a.d * 1000 + b.d + {first} AS k "
            "FROM s AS a JOIN s AS b WHERE a.d < 50) AS numbers "
            f"WHERE k < {rows}"
        )


@attrs.define
class Verdict:
    """The faults of a table: lists of ids of rows, each of which should be empty.

    Attributes:
        rows: How many rows were compared.
        lost: They should be there, and are not.
        extra: They should not be there, or are there twice.
        stale: They hold something else than was last acknowledged.
        cut: Their prompt lacks its end.
    """

    rows: int = 0
    lost: list[str] = attrs.field(factory=list[str])
    extra: list[str] = attrs.field(factory=list[str])
    stale: list[str] = attrs.field(factory=list[str])
    cut: list[str] = attrs.field(factory=list[str])

    def __str__(self) -> str:
        kinds = ("lost", "extra", "stale", "cut")
        counts = ", ".join(f"{len(getattr(self, kind))} {kind}" for kind in kinds)
        return f"{self.rows} rows compared: {counts}"

    @property
    def is_right(self) -> bool:
        return not (self.lost or self.extra or self.stale or self.cut)


def judge(session: Session, rows: int, changed: Mapping[str, Row | None]) -> Verdict:
    """Compare each row of `videos` with what it has to be.

    Args:
        session: The judge's own connection.
        rows: How many rows `fill` has made.
        changed: What rows are since then, by task_id; None: deleted.
    """
    verdict, seen, originals = Verdict(), set[str](), bytearray(rows)
    for stored, others in _stored(session):
        verdict.rows += 1
        name, number = stored.task_id, _number(stored.task_id, rows)
        if number is not None:
            is_again, originals[number] = bool(originals[number]), 1
        else:
            is_again = name in seen
            seen.add(name)
        known = original(number) if number is not None else None
        expected = changed.get(name, known)
        if expected is None or is_again:
            verdict.extra.append(name)
        elif stored != expected or others != tuple(CONSTANT.values()):
            is_cut = int(stored.prompt.partition(":")[0]) < int(expected.prompt.partition(":")[0])
            (verdict.cut if is_cut else verdict.stale).append(name)
    for name, row in changed.items():
        number = _number(name, rows)
        is_there = name in seen if number is None else originals[number]
        if row is not None and not is_there:
            verdict.lost.append(name)
    names = (original(number).task_id for number in range(rows) if not originals[number])
    verdict.lost += [name for name in names if name not in changed]
    return verdict


def _number(task_id: str, rows: int) -> int | None:
    """Return the number of an original row; None if the id is not of an original row."""
    digits = task_id.removeprefix("old-")
    is_old = task_id.startswith("old-") and digits.isdigit() and int(digits) < rows
    return int(digits) if is_old else None


def _stored(session: Session) -> Iterator[tuple[Row, tuple[Any, ...]]]:
    """Yield each row of the table, with its constant columns."""
    names = ", ".join(COLUMNS).replace("created_at", "COALESCE(created_at, 0)")
    names = names.replace("prompt", "CONCAT(LENGTH(prompt), ':', SHA2(prompt, 256))")
    last = ""
    while page := session.query(
        f"SELECT {names}, {', '.join(CONSTANT)} FROM videos WHERE task_id > ? "
        f"ORDER BY task_id LIMIT {_PAGE}",
        last,
    ):
        for values in page:
            yield Row(*values[: len(COLUMNS)]), values[len(COLUMNS) :]
        last = page[-1][0]
