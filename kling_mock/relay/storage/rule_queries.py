"""The queries for the rules of `reconcile`: each returns the rows that break its rule.

They check P2 (a charge belongs to one success), P3 (a task that has ended stays so) and P4 (the
ledger explains every balance) of docs/design.md, as far as the tables show it. Each fact of money,
state and owner is stored in two places that no single statement of the relay changes alone, so a
change of only one is noticed; docs/storage.md lists the columns for which this is not so, with the
reason.
"""

from __future__ import annotations

from typing import Final

import attrs

from kling_mock.relay.storage.steps import Statement, read
from kling_mock.relay.storage.values import (
    MAX_ATTEMPT,
    MAX_LEASE,
    MAX_PAUSE,
    MAX_WAIT,
)
from kling_mock.relay.storage.values.records import DEBT, RELEASED_DELETED
from kling_mock.relay.storage.values.rules import RULES, Rule

_OPEN: Final = "v.status NOT IN ('succeed', 'failed')"
_ENDED: Final = "v.status IN ('succeed', 'failed')"
_OF_TASKS: Final = "l.kind IN ('hold', 'release', 'charge')"
#: The hold of a deleted task that an operator has released.
_RELEASED: Final = f"""SELECT 1 FROM ledger h JOIN ledger d ON d.reference = h.reference
        AND d.user_id = h.user_id AND d.token_id = h.token_id AND d.channel_id = h.channel_id
    WHERE h.kind = 'hold' AND d.kind = 'release' AND d.note = '{RELEASED_DELETED}'"""  # noqa: S608 - a constant
#: A charge without a hold: made under the guide's plain balance check, or older than the holds.
_UNHELD: Final = """SELECT 1 FROM ledger c
    LEFT JOIN ledger h ON h.reference = c.reference AND h.kind = 'hold'
    WHERE c.kind = 'charge' AND c.amount < 0 AND h.id IS NULL"""


#: A balance that was negative when it came from one-api.
_DEBT: Final = f"""SELECT 1 FROM ledger d
    WHERE d.kind = 'credit' AND d.amount < 0 AND d.reference LIKE '{DEBT}%'"""  # noqa: S608 - a constant


def _named(name: str) -> Rule:
    return RULES[name]


@attrs.frozen
class RuleQuery:
    """The query that checks a rule.

    Attributes:
        rule: The rule.
        query: Returns user, key and the amount in question of each row that breaks the rule. Its
            parameters are pairs (user from, to).
        differs: Whether each row has two more columns, and breaks the rule only if they differ as
            texts: no two databases have the same syntax to compare texts of different collations.
        ahead: The distances from now, in seconds, of the instants that follow as parameters.
        column: The column that is a sum of entries, which `--repair` makes equal to that sum.
    """

    rule: Rule = attrs.field(converter=_named)
    query: Statement
    differs: bool = False
    ahead: tuple[int, ...] = ()
    column: str = ""

    @property
    def pairs(self) -> int:
        """The number of pairs (user from, to) among the query's parameters."""
        return self.query.sql.count("?") // 2


def _sums(owner: str, kinds: str, value: str = "SUM(amount)") -> str:
    """Return a table of sums over entries, by *owner*; its columns are `owner` and `total`."""
    return f"""(SELECT {owner} AS owner, {value} AS total FROM ledger
        WHERE kind IN ({kinds}) AND user_id BETWEEN ? AND ? GROUP BY {owner})"""  # noqa: S608 - constants of this module


def _equals_sum(table: str, owner: str, value: str, sums: str, of: str) -> Statement:
    """Return the rows of *table* in which *value* is not the total of *sums*.

    Args:
        table: `users` or `tokens`.
        owner: The user of a row.
        value: The column.
        sums: A result of `_sums`, by the number of the row.
        of: The condition that selects the rows.
    """
    return read(f"""
        SELECT {owner}, t.id, t.{value} - COALESCE(s.total, 0)
        FROM {table} t LEFT JOIN {sums} s ON s.owner = t.id
        WHERE {of} AND t.{value} <> COALESCE(s.total, 0) ORDER BY t.id""")  # noqa: S608 - as above


_OF_USER: Final = "t.id BETWEEN ? AND ?"
_OF_TOKEN: Final = "t.user_id BETWEEN ? AND ?"  # noqa: S105 - a condition
_HELD: Final = "'hold', 'release'"
_SPENT: Final = "-SUM(amount)"

#: In the order in which they are checked.
RULE_QUERIES: Final = (
    # ------------------------------------------------------------ sums
    RuleQuery(
        "user-balance",
        _equals_sum(
            "users", "t.id", "quota", _sums("user_id", "'opening', 'credit', 'charge'"), _OF_USER
        ),
    ),
    RuleQuery(
        "user-credited",
        _equals_sum("users", "t.id", "credited_quota", _sums("user_id", "'credit'"), _OF_USER),
        column="credited_quota",
    ),
    RuleQuery(
        "user-held",
        _equals_sum("users", "t.id", "held_quota", _sums("user_id", _HELD), _OF_USER),
        column="held_quota",
    ),
    RuleQuery(
        "user-used",
        _equals_sum("users", "t.id", "used_quota", _sums("user_id", "'charge'", _SPENT), _OF_USER),
        column="used_quota",
    ),
    RuleQuery(
        "user-requests",
        _equals_sum(
            "users", "t.id", "request_count", _sums("user_id", "'charge'", "COUNT(*)"), _OF_USER
        ),
        column="request_count",
    ),
    RuleQuery(
        "user-available",
        read(f"""
        SELECT t.id, t.id, t.quota - t.held_quota FROM users t
        WHERE t.id BETWEEN ? AND ? AND t.quota < t.held_quota
            AND NOT EXISTS ({_UNHELD} AND c.user_id = t.id)
            AND NOT EXISTS ({_DEBT} AND d.user_id = t.id) ORDER BY t.id"""),  # noqa: S608 - constants
    ),
    RuleQuery(
        "user-opening",
        read("""
        SELECT t.id, t.id, t.quota, t.id, l.reference FROM users t
        LEFT JOIN ledger l ON l.kind = 'opening' AND l.user_id = t.id
        WHERE t.id BETWEEN ? AND ? ORDER BY t.id"""),
        differs=True,
    ),
    RuleQuery(
        "user-number",
        read("""
        SELECT t.id, t.id, 0 FROM users t
        WHERE t.id BETWEEN ? AND ?
            AND EXISTS (SELECT 1 FROM videos v WHERE v.user_id = t.id AND v.legacy <> 0)
            AND NOT EXISTS (SELECT 1 FROM old_users o WHERE o.number = t.id)
        ORDER BY t.id"""),
    ),
    RuleQuery(
        "token-held",
        _equals_sum("tokens", "t.user_id", "held_quota", _sums("token_id", _HELD), _OF_TOKEN),
        column="held_quota",
    ),
    RuleQuery(
        "token-used",
        _equals_sum(
            "tokens", "t.user_id", "used_quota", _sums("token_id", "'charge'", _SPENT), _OF_TOKEN
        ),
        column="used_quota",
    ),
    RuleQuery(
        "token-available",
        read(f"""
        SELECT t.user_id, t.id, t.remain_quota - t.held_quota FROM tokens t
        WHERE t.user_id BETWEEN ? AND ? AND t.unlimited = 0 AND t.remain_quota < t.held_quota
            AND NOT EXISTS ({_UNHELD} AND c.token_id = t.id) ORDER BY t.id"""),  # noqa: S608 - a constant
    ),
    # ------------------------------------------------------------ owners
    RuleQuery(
        "token-user",
        read("""
        SELECT t.user_id, t.id, t.held_quota FROM tokens t LEFT JOIN users u ON u.id = t.user_id
        WHERE t.user_id BETWEEN ? AND ? AND u.id IS NULL ORDER BY t.id"""),
    ),
    RuleQuery(
        "task-user",
        # One row for each pair of number and name.
        read("""
        SELECT v.user_id, MIN(v.task_id), MIN(v.quota), v.username, u.username FROM videos v
        LEFT JOIN users u ON u.id = v.user_id
        WHERE v.legacy = 0 AND v.user_id BETWEEN ? AND ? AND (v.username <> '' OR u.id IS NULL)
        GROUP BY v.user_id, v.username, u.username ORDER BY v.user_id"""),
        differs=True,
    ),
    RuleQuery(
        "task-token",
        read("""
        SELECT v.user_id, v.task_id, v.quota FROM videos v
        LEFT JOIN tokens t ON t.id = v.token_id
        WHERE v.legacy = 0 AND v.token_id <> 0 AND v.user_id BETWEEN ? AND ?
            AND (t.id IS NULL OR t.user_id <> v.user_id) ORDER BY v.id"""),
    ),
    RuleQuery(
        "task-channel",
        read("""
        SELECT v.user_id, v.task_id, v.quota FROM videos v
        LEFT JOIN channels c ON c.id = v.channel_id
        WHERE v.legacy = 0 AND v.channel_id <> 0 AND v.user_id BETWEEN ? AND ? AND c.id IS NULL
        ORDER BY v.id"""),
    ),
    RuleQuery(
        "notice-user",
        read("""
        SELECT o.user_id, o.event_id, 0 FROM outbox o LEFT JOIN videos v ON v.task_id = o.task_id
        WHERE o.user_id BETWEEN ? AND ? AND (v.id IS NULL OR v.user_id <> o.user_id)
        ORDER BY o.id"""),
    ),
    RuleQuery(
        "report-user",
        read("""
        SELECT r.user_id, r.task_id, r.quota FROM reports r
        LEFT JOIN videos v ON v.task_id = r.task_id
        WHERE r.user_id BETWEEN ? AND ? AND (v.id IS NULL OR v.user_id <> r.user_id)
        ORDER BY r.id"""),
    ),
    # ------------------------------------------------------------ entries
    RuleQuery(
        "entry-user",
        read("""
        SELECT l.user_id, l.id, l.amount FROM ledger l LEFT JOIN users u ON u.id = l.user_id
        WHERE l.user_id BETWEEN ? AND ? AND u.id IS NULL ORDER BY l.id"""),
    ),
    RuleQuery(
        "entry-kind",
        read("""
        SELECT l.user_id, l.id, l.amount FROM ledger l
        WHERE l.user_id BETWEEN ? AND ? AND NOT (
            l.kind = 'opening' AND l.amount >= 0 OR l.kind = 'credit' AND l.amount <> 0
            OR l.kind = 'hold' AND l.amount >= 0 OR l.kind = 'release' AND l.amount <= 0
            OR l.kind = 'charge' AND l.amount <= 0)
        ORDER BY l.id"""),
    ),
    RuleQuery(
        "entry-uncollected",
        read("""
        SELECT l.user_id, l.id, l.uncollected FROM ledger l
        LEFT JOIN ledger o ON o.reference = l.reference
            AND o.kind = CASE l.kind WHEN 'charge' THEN 'release' ELSE 'charge' END
        WHERE l.user_id BETWEEN ? AND ? AND (
            l.uncollected < 0
            OR l.kind NOT IN ('charge', 'release') AND l.uncollected <> 0
            OR l.kind = 'release' AND l.uncollected <> COALESCE(o.uncollected, 0)
            OR l.kind = 'charge' AND l.uncollected > 0 AND o.id IS NOT NULL
                AND l.amount <> o.amount)
        ORDER BY l.id"""),
    ),
    RuleQuery(
        "entry-own",
        read("""
        SELECT l.user_id, l.id, l.amount FROM ledger l
        WHERE l.user_id BETWEEN ? AND ? AND l.kind IN ('opening', 'credit')
            AND (l.token_id <> 0 OR l.channel_id <> 0) ORDER BY l.id"""),
    ),
    RuleQuery(
        "entry-task",
        read(f"""
        SELECT l.user_id, l.id, l.amount FROM ledger l
        LEFT JOIN videos v ON v.task_id = l.reference
        WHERE l.user_id BETWEEN ? AND ? AND {_OF_TASKS} AND (
            v.id IS NULL AND (l.kind = 'charge'
                OR NOT EXISTS ({_RELEASED} AND h.reference = l.reference))
            OR v.user_id <> l.user_id OR v.token_id <> l.token_id OR v.legacy <> 0
            OR l.channel_id <> CASE l.kind WHEN 'hold' THEN 0 ELSE v.channel_id END)
        ORDER BY l.id"""),  # noqa: S608 - constants of this module
    ),
    # ------------------------------------------------------------ tasks
    RuleQuery(
        "open-hold",
        read(f"""
        SELECT v.user_id, v.task_id, v.held_quota - COALESCE(h.amount, 0) FROM videos v
        LEFT JOIN ledger h ON h.reference = v.task_id AND h.kind = 'hold'
        WHERE {_OPEN} AND v.legacy = 0 AND v.user_id BETWEEN ? AND ? AND (
            v.held_quota <> COALESCE(h.amount, 0)
            OR h.id IS NOT NULL AND h.amount <> v.quota
            OR EXISTS (SELECT 1 FROM ledger e
                WHERE e.reference = v.task_id AND e.kind IN ('release', 'charge')))
        ORDER BY v.id"""),  # noqa: S608 - constants of this module
    ),
    RuleQuery(
        "open-poll",
        read(f"""
        SELECT v.user_id, v.task_id, v.quota FROM videos v
        WHERE v.user_id BETWEEN ? AND ? AND (
            v.legacy = 0 AND (v.status = '' OR {_OPEN} AND v.next_poll_at IS NULL)
            OR ({_ENDED} OR v.legacy <> 0) AND v.next_poll_at IS NOT NULL)
        ORDER BY v.id"""),  # noqa: S608 - constants of this module
    ),
    RuleQuery(
        "open-times",
        read("""
        SELECT v.user_id, v.task_id, v.quota FROM videos v
        WHERE v.next_poll_at >= 0 AND v.user_id BETWEEN ? AND ?
            AND (v.lease_until > ? OR v.next_poll_at > ?
                OR v.kling_task_id IS NULL AND v.attempt_until > ?)
        ORDER BY v.id"""),
        ahead=(MAX_LEASE, MAX_PAUSE, MAX_ATTEMPT),
    ),
    RuleQuery(
        "notice-times",
        read("""
        SELECT o.user_id, o.event_id, 0 FROM outbox o
        WHERE o.state = 'pending' AND o.user_id BETWEEN ? AND ?
            AND (o.lease_until > ? OR o.next_at > ?)
        ORDER BY o.id"""),
        ahead=(MAX_LEASE, MAX_WAIT),
    ),
    RuleQuery(
        "ended-hold",
        read(f"""
        SELECT v.user_id, v.task_id, COALESCE(h.amount, 0) + COALESCE(r.amount, 0) FROM videos v
        LEFT JOIN ledger h ON h.reference = v.task_id AND h.kind = 'hold'
        LEFT JOIN ledger r ON r.reference = v.task_id AND r.kind = 'release'
        WHERE {_ENDED} AND v.user_id BETWEEN ? AND ?
            AND (v.held_quota <> 0 OR COALESCE(h.amount, -1) <> COALESCE(-r.amount, -1))
        ORDER BY v.id"""),  # noqa: S608 - constants of this module
    ),
    RuleQuery(
        "success-charged",
        read("""
        SELECT v.user_id, v.task_id, v.quota + COALESCE(c.amount, 0) FROM videos v
        LEFT JOIN ledger c ON c.reference = v.task_id AND c.kind = 'charge'
        LEFT JOIN ledger h ON h.reference = v.task_id AND h.kind = 'hold'
        WHERE v.status = 'succeed' AND v.legacy = 0 AND v.user_id BETWEEN ? AND ?
            AND (c.id IS NULL OR c.amount + v.quota <> 0 OR c.amount + h.amount < 0)
        ORDER BY v.id"""),
    ),
    RuleQuery(
        "upstream-once",
        # COALESCE keeps planners off the index of status, in which each look-up would read all.
        read("""
        SELECT v.user_id, v.task_id, v.quota FROM videos v
        WHERE v.status = 'succeed' AND v.legacy = 0 AND v.user_id BETWEEN ? AND ? AND EXISTS (
            SELECT 1 FROM videos o WHERE o.kling_task_id = v.kling_task_id AND o.id <> v.id
                AND COALESCE(o.status, '') = 'succeed' AND o.legacy = 0
                AND (o.service = v.service OR o.service IS NULL OR v.service IS NULL))
        ORDER BY v.id"""),
    ),
    RuleQuery(
        "charge-earned",
        read("""
        SELECT l.user_id, l.id, l.amount FROM ledger l
        LEFT JOIN videos v ON v.task_id = l.reference AND v.status = 'succeed'
        WHERE l.kind = 'charge' AND l.user_id BETWEEN ? AND ? AND v.id IS NULL ORDER BY l.id"""),
    ),
    RuleQuery(
        "failure-free",
        read("""
        SELECT v.user_id, v.task_id, v.quota FROM videos v
        WHERE v.status = 'failed' AND v.legacy = 0 AND v.quota <> 0 AND v.user_id BETWEEN ? AND ?
        ORDER BY v.id"""),
    ),
    RuleQuery(
        "legacy-free",
        read("""
        SELECT v.user_id, v.task_id, v.held_quota FROM videos v
        WHERE v.legacy <> 0 AND v.user_id BETWEEN ? AND ? AND (
            v.legacy NOT IN (1, 2) OR v.held_quota <> 0 OR EXISTS (
                SELECT 1 FROM ledger l
                WHERE l.reference = v.task_id AND l.kind IN ('hold', 'release', 'charge')))
        ORDER BY v.id"""),
    ),
)
