"""Mutants that behave like the original code, each with the reason.

They are not run, listed with their reasons, and left out of the score.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

#: No more than this part of the drawn mutants may be left out.
LIMIT: Final = 0.1

_ONLY_COMPARED: Final = (
    "Members are compared with each other; only the message of a program's mistake has the text."
)
_COMPARED: Final = {
    "kling_mock/relay/domain/states.py": (
        *("unknown", "lost", "refused"),
        *("keep", "advance", "charge", "release", "report"),
    ),
    "kling_mock/relay/domain/channels.py": ("next", "refused", "unknown"),
    "kling_mock/relay/domain/breaker.py": ("replied", "failed", "tripped", "probed", "abandoned"),
}
_TUNING: Final = "How much is read or hashed at a time changes no result."
_TUNED: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "kling_mock/relay/domain/long_texts.py": {
        "LONG: Final = 4 * 1024": ("(5) * 1024", "(3) * 1024", "4 * (1025)", "4 * (1023)"),
        "_STEP: Final = 64 * 1024  # characters: after each, other threads get a turn": (
            "(63) * 1024",
            "64 * (1023)",
        ),
    },
    "kling_mock/relay/domain/large_json.py": {
        "STEP: Final = 32 * 1024": ("(33) * 1024", "(31) * 1024", "32 * (1025)", "32 * (1023)"),
    },
}
_ONE_ROW: Final = "The statement finds one row at most: by a unique key, or a row of sums."
_FIRST_ROWS: Final = {
    "accounts": (
        "return User(*rows[0])",
        "return User(*rows[0]) if rows else None",
        "before = LedgerEntry(*rows[0])",
        "return LedgerEntry(*rows[0])",
        "return LedgerEntry(*rows[0]) if rows else None",
        "return _same_token(Token(*before[0]), token, now)",
        "return Token(*rows[0])",
    ),
    "channels": ("return Channel(*rows[0])", "before = Channel(*rows[0])"),
    "create": ("row = VideoRow(*rows[0])", "token = Token(*rows[0]) if rows else None"),
    "due": ("claimed[task_id] = VideoRow(*rows[0])",),
    "lifecycle": ("return VideoRow(*rows[0])", "return VideoRow(*rows[0]) if rows else None"),
    "monitoring": ("return StoreSummary(*map(int, rows[0]))",),
    "receivers": (
        "return Receiver(*rows[0])",
        "return Receiver(*rows[0]) if rows else None",
        "return ReceiverCounts(*map(int, rows[0]))",
        "return SecretRotation(*rows[0]) if rows else None",
    ),
    "reports": ("return LateReport(*rows[0]) if rows else None",),
    "services": ("service = _label(row.channel_id, Channel(*rows[0]) if rows else None)",),
    "webhooks": ("return Notice(*rows[0])", "claimed[event_id] = Notice(*rows[0])"),
}
_REFUSED_CHANNEL: Final = (
    "message = error.message[:_MAX_MESSAGE] if http < {} else "
    '"Kling refused this relay\'s channel."'
)
#: File, line before and line after, and why the two do the same.
EQUIVALENT: Final[Mapping[tuple[str, str, str], str]] = {
    **{
        (file, f'{name.upper()} = "{name}"', f"{name.upper()} = 'XX{name}'"): _ONLY_COMPARED
        for file, names in _COMPARED.items()
        for name in names
    },
    **{
        (file, line, re.sub(r"\d+ \* 1024", other, line)): _TUNING
        for file, lines in _TUNED.items()
        for line, others in lines.items()
        for other in others
    },
    **{
        (
            f"kling_mock/relay/storage/transactions/{module}.py",
            line,
            line.replace("[0]", "[(-1)]"),
        ): _ONE_ROW
        for module, lines in _FIRST_ROWS.items()
        for line in lines
    },
    (
        "kling_mock/relay/domain/errors.py",
        _REFUSED_CHANNEL.format("500"),
        _REFUSED_CHANNEL.format("(501)"),
    ): "The status is 400, 429 or 502.",
    (
        "kling_mock/relay/domain/wire.py",
        'parts = urlsplit("")',
        "parts = urlsplit('XX')",
    ): "Neither has a scheme, so either is refused.",
    (
        "kling_mock/relay/storage/transactions/webhooks.py",
        'states = ("", "~") if state is None else (state.value, state.value)',
        "states = ('XX', \"~\") if state is None else (state.value, state.value)",
    ): "Each state is a word in small letters, which is above either.",
    (
        "kling_mock/relay/storage/transactions/settlement.py",
        'ended.kling_task_id or "",',
        "ended.kling_task_id or 'XX',",
    ): "Compared with an id that the row has got meanwhile; either differs from all of Kling's.",
    (
        "kling_mock/relay/domain/user_webhooks.py",
        "return float(seconds) if seconds is not None and 0 < seconds <= _MAX_WAIT else 0.0",
        "return float(seconds) if seconds is not None and (-1) < seconds <= _MAX_WAIT else 0.0",
    ): "The pause is the larger of this and one of five seconds or more.",
    (
        "kling_mock/relay/service/reconciler.py",
        '"processing": TaskEvent.PROCESSING,',
        "'XXprocessing': TaskEvent.PROCESSING,",
    ): "A status that is not in the table counts as this one.",
    (
        "kling_mock/relay/service/reconciler.py",
        "if row.kling_task_id is None:",
        "if (row.kling_task_id is None or True):",
    ): "To accept the id that a row has changes nothing, and no report with another one gets here.",
    (
        "kling_mock/relay/service/reconciler.py",
        "if was_read:",
        "if (was_read or True):",
    ): "A row that was not read is found as it was.",
    **{
        (
            "kling_mock/relay/service/reconciler.py",
            "if settled.outcome is TaskOutcome.SETTLED and row.callback_url is not None:",
            f"if {other}:",
        ): "A run of the queue that finds nothing due does nothing."
        for other in (
            "(settled.outcome is TaskOutcome.SETTLED or row.callback_url is not None)",
            "(settled.outcome is TaskOutcome.SETTLED and row.callback_url is not None or True)",
        )
    },
    (
        "kling_mock/relay/service/breakers.py",
        "if key in self._breakers:",
        "if (key in self._breakers or True):",
    ): "Neither event changes a breaker that is as new, and what does not change is not reported.",
    (
        "kling_mock/relay/service/tasks.py",
        "raise RelayError(errors.TOO_MANY, text, retry_after=max(1, math.ceil(wait)))",
        "raise RelayError(errors.TOO_MANY, text, retry_after=max((0), math.ceil(wait)))",
    ): "The wait is above 0, so its ceiling is 1 or more.",
    (
        "kling_mock/relay/service/tasks.py",
        'scheme, _, token = (header or "").partition(" ")',
        """scheme, _, token = (header or 'XX').partition(" ")""",
    ): "Either is refused: it has no token.",
    (
        "kling_mock/relay/service/sweeper.py",
        'failed = TaskResult(row.task_id, "failed", "sweeper", fail_reason=EXPIRED)',
        """failed = TaskResult(row.task_id, "failed", 'XXsweeper', fail_reason=EXPIRED)""",
    ): "It is only read for the webhook, which does not have the source.",
    (
        "kling_mock/relay/service/webhook_queue.py",
        "return True",
        "return False",
    ): "To abandon a call that has replied or failed changes no breaker that counts no calls.",
    (
        "kling_mock/relay/service/webhook_queue.py",
        "if not known:",
        "if (not known or True):",
    ): "To abandon a call that has replied or failed changes no breaker that counts no calls.",
    (
        "kling_mock/relay/service/due_work.py",
        "self._left_some = False",
        "self._left_some = True",
    ): "Each run sets it before it is read.",
    (
        "kling_mock/relay/service/due_work.py",
        "position = max(last, self._resume) if position == START else last",
        "position = max(last, self._resume) if (position == START or True) else last",
    ): "After the first page every position is behind the place of the last run.",
    (
        "kling_mock/relay/service/due_work.py",
        "for due, work in zip(chosen, await self._claim(chosen, now), strict=True):",
        "for due, work in zip(chosen, await self._claim(chosen, now), strict=False):",
    ): "One is returned for each that was chosen.",
    (
        "kling_mock/relay/service/due_work.py",
        "handled += 1",
        "handled += (2)",
    ): "Only the lease can fail, before the first is started; after the last, more is as good.",
    (
        "kling_mock/relay/service/webhook_queue.py",
        "if decision.state is NoticeState.PENDING:",
        "if (decision.state is NoticeState.PENDING or True):",
    ): "A run of the queue that finds nothing due does nothing.",
    (
        "kling_mock/relay/service/webhook_queue.py",
        "if receiver is not None:",
        "if (receiver is not None or True):",
    ): "A success of a receiver that is not stored stores none.",
    **{
        (
            "kling_mock/relay/service/due_work.py",
            "START: Final = (0, 0)",
            f"START: Final = {other}",
        ): "Nothing is due in the first second of 1970."
        for other in ("((-1), 0)", "((1), 0)", "(0, (-1))", "(0, (1))")
    },
    **{
        (
            "kling_mock/relay/service/webhook_queue.py",
            "off_from=now - self._off_after if self._off_after else -1,",
            f"off_from=now - self._off_after if self._off_after else {other},",
        ): "No receiver has failed since the first seconds of 1970."
        for other in ("(1)", "-(2)", "-(0)")
    },
}


def why_equivalent(file: str, before: str, after: str) -> str:
    """Return why a change makes no difference, "" if it makes one."""
    return EQUIVALENT.get((file, before, after), "")
