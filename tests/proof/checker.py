"""The checker: it recomputes every balance from the responses to callers.

It shares nothing with the relay's own `reconcile`. What it knows is what was created and how
each task ends over HTTP; with that it compares the rows, which it reads with SQL of its own.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import attrs

from tests.mock.relay.storage.databases import Database
from tests.proof.relay_processes import PRICE, Fleet, User, Video


@attrs.frozen
class Verdict:
    """The findings of the checker.

    Attributes:
        charged: Tasks that were charged.
        extra: Charges beyond one per task, and of tasks that did not succeed.
        lost: Tasks that succeeded and were not charged.
        open: Tasks that have not ended.
        wrong: Balances that are not what the history makes of them.
    """

    charged: int
    extra: int
    lost: int
    open: int
    wrong: tuple[str, ...] = ()

    def __str__(self) -> str:
        counts = f"charged {self.charged}, extra {self.extra}, lost {self.lost}"
        return f"{counts}, wrong balances {len(self.wrong)}"


async def charges_in(database: Database) -> Counter[str]:
    """Count the charges of each task."""
    rows = await database.query("SELECT reference FROM ledger WHERE kind = 'charge'")
    return Counter(str(row[0]) for row in rows)


def judge(ends: dict[str, str], charges: Counter[str], wrong: Sequence[str] = ()) -> Verdict:
    """Compare how tasks ended with what was charged."""
    succeeded = {task_id for task_id, status in ends.items() if status == "succeed"}
    paid = {task_id for task_id in ends if charges[task_id]}
    return Verdict(
        charged=len(paid),
        extra=sum(charges[task_id] for task_id in ends) - len(paid & succeeded),
        lost=len(succeeded - paid),
        open=sum(status not in {"succeed", "failed"} for status in ends.values()),
        wrong=tuple(wrong),
    )


async def audit(fleet: Fleet, users: Sequence[User], videos: Sequence[Video]) -> Verdict:
    """Ask how each task ended, and recompute the balance of each user.

    Args:
        fleet: The relays.
        users: All that were made for this, with what they began with.
        videos: All their tasks.
    """
    statuses = await asyncio.gather(*(fleet.poll(video) for video in videos))
    ends = {video.task_id: status for video, status in zip(videos, statuses, strict=True)}
    bought = Counter(video.user.id for video in videos if ends[video.task_id] == "succeed")
    rows = await fleet.database.query(
        "SELECT id, quota, used_quota, request_count, held_quota FROM users"
    )
    balances = {row[0]: tuple(map(int, row[1:])) for row in rows}
    tokens = await fleet.database.query("SELECT user_id, used_quota, held_quota FROM tokens")
    spent = {row[0]: (int(row[1]), int(row[2])) for row in tokens}
    wrong: list[str] = []
    for user in users:
        count = bought[user.id]
        used = count * PRICE
        if balances[user.id] != (user.opening - used, used, count, 0):
            wrong.append(f"user {user.id}: {count} videos, and {balances[user.id]}")
        if spent[user.id] != (used, 0):
            wrong.append(f"token of user {user.id}: {count} videos, and {spent[user.id]}")
    return judge(ends, await charges_in(fleet.database), wrong)
