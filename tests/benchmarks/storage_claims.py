"""The guide's performance table as data, and the queries that each claim is about.

A case is a handful of queries that take turns. A pair in it is a figure: how many times as long
the baseline takes as ours. `equal` names the sides that have to return the same rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from tests.benchmarks.storage_tables import FAR, HEAVY, MIDDLING, SINGLE, START, Size, task_id
from tests.benchmarks.storage_verdict import Range


class Claim(NamedTuple):
    """A row of the guide's table, or a question that it does not ask.

    Attributes:
        key: How pairs refer to it.
        name: In a few words.
        guide: The guide's own words, from its section "性能对比分析"; "" if it says nothing.
        claimed: The range that those words name.
        unit: "x" for a ratio of times.
    """

    key: str
    name: str
    guide: str = ""
    claimed: Range | None = None
    unit: str = "x"


#: "Same" is read as within a quarter: less than a busy machine's noise cannot be told apart.
_SAME: Final = Range(0.8, 1.25)

#: "About 8 bytes" is a cost, so less is not a failure; a quarter more still counts as about 8.
_ABOUT_8: Final = Range(-math.inf, 10)

CLAIMS: Final = (
    Claim("lookup", "look up a `task_id`", "按 task_id 查询: 相同 (the same)", _SAME),
    Claim("range", "read a range of ids", "按 id 范围查询: 10-100倍", Range(10, 100)),
    Claim("user", "a user's newest 20", "按 user_id + 时间排序: 2-5倍", Range(2, 5)),
    Claim("join", "JOIN by integer, not string", "JOIN 操作: 3-10倍", Range(3, 10)),
    Claim("page", "page with LIMIT/OFFSET", "分页查询(LIMIT OFFSET): 5-20倍", Range(5, 20)),
    Claim(
        "space",
        "room that the scheme adds",
        "空间增加: 约 8 字节/记录(可忽略) (about 8 bytes a row)",
        _ABOUT_8,
        "bytes/row",
    ),
    Claim("insert", "time of an insert, new to old"),
    Claim("by_id", "look up by `id`, not `task_id`"),
    Claim("keyset", "`id > ?` instead of OFFSET"),
    Claim("status", "oldest or newest of a status"),
)

#: Indexes that the old table is given for a while, each alone beside `idx_tid`.
OLD_INDEXES: Final[Mapping[str, str]] = {
    "": "",
    "only idx_user_id": "user_id",
    "only idx_created_at": "created_at",
}


class Query(NamedTuple):
    """A statement and the parameters that it is run with in turn."""

    sql: str
    parameters: tuple[tuple[Any, ...], ...] = ((),)


class Pair(NamedTuple):
    """A figure.

    Attributes:
        claim: The key of a `Claim`.
        label: Size and baseline, as read after "holds only".
        baseline: The side whose time is above the line.
        ours: The side whose time is below it.
    """

    claim: str
    label: str
    baseline: str
    ours: str


class Case(NamedTuple):
    """Queries that are measured together.

    Attributes:
        name: For progress and errors.
        sides: The queries.
        equal: Groups of sides that return the same rows.
        pairs: The figures.
        old_index: The key of `OLD_INDEXES` that the old table has meanwhile.
    """

    name: str
    sides: Mapping[str, Query]
    equal: tuple[tuple[str, ...], ...]
    pairs: tuple[Pair, ...]
    old_index: str = ""


_LISTED: Final = "task_id, created_at, user_id, status, prompt, store_url"
_LOOKUPS: Final = 50
_PAGE: Final = 20


def cases(size: Size) -> list[Case]:
    """Return all cases, those that need the same index on the old table together."""
    candidates = [
        _lookup(size),
        *(_range(size, rows, "") for rows in (20, 1_000, 10_000, 100_000)),
        *(_join(size, rows) for rows in (100, 200_000)),
        _covering(size),
        *(_page(size, offset) for offset in (0, 1_000, 100_000, 900_000)),
        _open_tasks(),
        _newest_of_a_status(),
        *(_user(size, user, index) for index in OLD_INDEXES for user in (HEAVY, MIDDLING, SINGLE)),
        *(_range(size, rows, "only idx_created_at") for rows in (1_000, 100_000)),
    ]
    order = list(OLD_INDEXES)
    by_name = {case.name: case for case in candidates}  # a small size makes some of them the same
    return sorted(by_name.values(), key=lambda case: order.index(case.old_index))


def _against(old_index: str) -> str:
    return f"against {old_index or 'no index'}"


def _lookup(size: Size) -> Case:
    numbers = [1 + index * FAR % size.rows for index in range(_LOOKUPS)]
    ids = tuple((task_id(number),) for number in numbers)
    return Case(
        "lookup",
        {
            "old": Query(f"SELECT {_LISTED} FROM videos_old WHERE task_id = ?", ids),
            "new": Query(f"SELECT {_LISTED} FROM videos WHERE task_id = ?", ids),
            "id": Query(
                f"SELECT {_LISTED} FROM videos WHERE id = ?", tuple((number,) for number in numbers)
            ),
        },
        (("old", "new", "id"),),
        (
            Pair("lookup", "for one row, the round trip included", "old", "new"),
            Pair("by_id", "for one row, the round trip included", "new", "id"),
        ),
    )


def _range(size: Size, rows: int, old_index: str) -> Case:
    """Count a range: old by `created_at`, which is all the order it has; new by `id`."""
    rows = min(rows, size.rows // 2)
    first = size.rows // 3
    sums = "SELECT COUNT(*), SUM(quota), MAX(created_at) FROM"
    return Case(
        f"range of {rows:,} rows, {_against(old_index)}",
        {
            "old": Query(
                f"{sums} videos_old WHERE created_at BETWEEN ? AND ?",
                ((START + first, START + first + rows - 1),),
            ),
            "new": Query(f"{sums} videos WHERE id BETWEEN ? AND ?", ((first, first + rows - 1),)),
        },
        (("old", "new"),),
        (
            Pair(
                "range",
                f"for {rows:,} rows against "
                + (f"{old_index}" if old_index else "a scan of the whole table"),
                "old",
                "new",
            ),
        ),
        old_index,
    )


def _user(size: Size, user: int, old_index: str) -> Case:
    owned = {
        HEAVY: f"a user of {size.rows // 3:,} rows",
        MIDDLING: f"a user of about {size.rows * 2 // 3 // 541:,} rows",
        SINGLE: "a user of one row",
    }[user]
    rest = f"WHERE user_id = ? ORDER BY created_at DESC LIMIT {_PAGE}"
    return Case(
        f"{owned}, {_against(old_index)}",
        {
            "old": Query(f"SELECT {_LISTED} FROM videos_old {rest}", ((user,),)),
            "new": Query(f"SELECT {_LISTED} FROM videos {rest}", ((user,),)),
        },
        (("old", "new"),),
        (Pair("user", f"{_against(old_index)}, {owned}", "old", "new"),),
        old_index,
    )


def _join(size: Size, rows: int) -> Case:
    rows = min(rows, size.references)
    sums = "SELECT COUNT(*), SUM(v.quota) FROM"
    until = ((rows,),)
    return Case(
        f"join of {rows:,} rows",
        {
            "old": Query(
                f"{sums} refs_old r JOIN videos_old v ON v.task_id = r.ref WHERE r.n <= ?", until
            ),
            "string": Query(
                f"{sums} refs_new r JOIN videos v ON v.task_id = r.ref WHERE r.n <= ?", until
            ),
            "integer": Query(
                f"{sums} refs_id r JOIN videos v ON v.id = r.ref WHERE r.n <= ?", until
            ),
        },
        (("old", "string", "integer"),),
        (
            Pair("join", f"for {rows:,} rows, string key of the old table", "old", "integer"),
            Pair("join", f"for {rows:,} rows, string key of the new table", "string", "integer"),
        ),
    )


def _covering(size: Size) -> Case:
    """Join without reading a row: what the comparison of the keys alone costs."""
    rows = size.references
    count = "SELECT COUNT(*) FROM"
    return Case(
        f"join of {rows:,} rows, keys only",
        {
            "string": Query(f"{count} refs_new r JOIN videos v ON v.task_id = r.ref"),
            "integer": Query(f"{count} refs_id r JOIN videos v ON v.id = r.ref"),
        },
        (("string", "integer"),),
        (Pair("join", f"for {rows:,} rows, keys only", "string", "integer"),),
    )


def _page(size: Size, offset: int) -> Case:
    offset = min(offset, size.rows - size.rows // 10)
    select, page = f"SELECT {_LISTED} FROM", ((_PAGE, offset),)
    # Ids are whole from 1, so the page behind `offset` rows is the one behind that id.
    return Case(
        f"page at {offset:,}",
        {
            "old": Query(f"{select} videos_old ORDER BY task_id LIMIT ? OFFSET ?", page),
            "string": Query(f"{select} videos ORDER BY task_id LIMIT ? OFFSET ?", page),
            "id": Query(f"{select} videos ORDER BY id LIMIT ? OFFSET ?", page),
            "keyset": Query(
                f"{select} videos WHERE id > ? ORDER BY id LIMIT ?", ((offset, _PAGE),)
            ),
        },
        (("old", "string"), ("id", "keyset")),
        (
            Pair("page", f"at {offset:,}, old table in order of task_id", "old", "id"),
            Pair("page", f"at {offset:,}, the new table's whole string index", "string", "id"),
            Pair("keyset", f"at {offset:,}", "id", "keyset"),
        ),
    )


def _open_tasks() -> Case:
    """Ask as the guide's FAQ does, by status; and as the relay's sweeper does."""
    rest = "WHERE status IN ('submitted', 'processing') ORDER BY created_at LIMIT 100"
    return Case(
        "oldest open tasks",
        {
            "old": Query(f"SELECT task_id FROM videos_old {rest}"),
            "new": Query(f"SELECT task_id FROM videos {rest}"),
            "sweeper": Query(
                "SELECT task_id FROM videos WHERE next_poll_at <= ? AND lease_until <= ? "
                "ORDER BY next_poll_at, id LIMIT 100",
                ((2 * START, 2 * START),),
            ),
        },
        (("old", "new", "sweeper"),),
        (
            Pair("status", "oldest 100 open, idx_status against a scan", "old", "new"),
            Pair("status", "oldest 100 open, idx_next_poll against a scan", "old", "sweeper"),
        ),
    )


def _newest_of_a_status() -> Case:
    rest = "WHERE status = 'succeed' ORDER BY created_at DESC LIMIT 100"
    return Case(
        "newest successes",
        {
            "old": Query(f"SELECT task_id FROM videos_old {rest}"),
            "new": Query(f"SELECT task_id FROM videos {rest}"),
        },
        (("old", "new"),),
        (Pair("status", "newest 100 of the status that most rows have", "old", "new"),),
    )
