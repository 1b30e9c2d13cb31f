"""A Kling on localhost that a test suite can trust.

    from kling_mock import KlingMock

    with KlingMock() as mock:
        kling = mock.client()
        task = kling.text2video.run(prompt="a kitten on the grass")

Needs the extra `mock`: pip install 'kling-sdk[mock]'. Importing this package loads nothing;
each name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kling_mock.clock import ManualClock, MockClock, RealClock, ScaledClock
    from kling_mock.controls.accounts import AccountHandle, AccountsHandle, NewKeyPair
    from kling_mock.controls.callbacks import CallbacksHandle, DeliveriesHandle
    from kling_mock.controls.ledger import LedgerHandle
    from kling_mock.controls.rules import ContentHandle, FaultsHandle, ProgressHandle
    from kling_mock.kling.callbacks.log import Delivery, DeliveryAttempt
    from kling_mock.kling.faults.declaring import FaultOptions
    from kling_mock.kling.faults.kinds import FaultSetting, FaultSpec
    from kling_mock.kling.faults.matching import Fault
    from kling_mock.kling.journal.calls import Call, CallFilters
    from kling_mock.kling.journal.entries import Entry
    from kling_mock.kling.journal.forgotten import Forgotten, ForgottenKind, IncompleteJournalError
    from kling_mock.kling.journal.journal import Journal
    from kling_mock.kling.journal.matching import RequestTarget, Where
    from kling_mock.kling.journal.notes import Note, NoteKind, RetiredWarning
    from kling_mock.kling.model.accounts import RateLimit
    from kling_mock.kling.model.lifecycle import IllegalTransitionError
    from kling_mock.kling.model.packs import Pack
    from kling_mock.kling.snapshots import Snapshot
    from kling_mock.relay.settings import RelaySettings
    from kling_mock.relay.storage.errors import InsufficientQuotaError
    from kling_mock.relay.storage.values import (
        LateReport,
        LedgerEntry,
        LedgerKind,
        Reconciliation,
        Unexplained,
        User,
    )
    from kling_mock.server.chosen_secrets import Secrets
    from kling_mock.server.mock import KlingMock
    from kling_mock.testing.receiver import KlingReceiver, ReceivedCallback
    from kling_mock.testing.recorded import RecordedKling
    from kling_mock.web.limits import Limits

    __version__: str

__all__ = [
    "AccountHandle",
    "AccountsHandle",
    "Call",
    "CallFilters",
    "CallbacksHandle",
    "ContentHandle",
    "DeliveriesHandle",
    "Delivery",
    "DeliveryAttempt",
    "Entry",
    "Fault",
    "FaultOptions",
    "FaultSetting",
    "FaultSpec",
    "FaultsHandle",
    "Forgotten",
    "ForgottenKind",
    "IllegalTransitionError",
    "IncompleteJournalError",
    "InsufficientQuotaError",
    "Journal",
    "KlingMock",
    "KlingReceiver",
    "LateReport",
    "LedgerEntry",
    "LedgerHandle",
    "LedgerKind",
    "Limits",
    "ManualClock",
    "MockClock",
    "NewKeyPair",
    "Note",
    "NoteKind",
    "Pack",
    "ProgressHandle",
    "RateLimit",
    "RealClock",
    "ReceivedCallback",
    "Reconciliation",
    "RecordedKling",
    "RelaySettings",
    "RequestTarget",
    "RetiredWarning",
    "ScaledClock",
    "Secrets",
    "Snapshot",
    "Unexplained",
    "User",
    "Where",
]

MISSING_EXTRA: Final = "kling_mock needs the extra `mock`: pip install 'kling-sdk[mock]'"

_NAMES: Final[Mapping[str, str]] = {  # module below this package -> names in it
    "clock": "MockClock ManualClock RealClock ScaledClock",
    "controls.accounts": "AccountHandle AccountsHandle NewKeyPair",
    "controls.callbacks": "CallbacksHandle DeliveriesHandle",
    "controls.ledger": "LedgerHandle",
    "controls.rules": "ContentHandle FaultsHandle ProgressHandle",
    "kling.journal.calls": "Call CallFilters",
    "kling.journal.entries": "Entry",
    "kling.journal.notes": "Note NoteKind RetiredWarning",
    "kling.journal.forgotten": "Forgotten ForgottenKind IncompleteJournalError",
    "kling.journal.journal": "Journal",
    "kling.journal.matching": "RequestTarget Where",
    "kling.callbacks.log": "DeliveryAttempt Delivery",
    "kling.faults.declaring": "FaultOptions",
    "kling.faults.kinds": "FaultSetting FaultSpec",
    "kling.faults.matching": "Fault",
    "kling.model.accounts": "RateLimit",
    "kling.model.lifecycle": "IllegalTransitionError",
    "kling.model.packs": "Pack",
    "kling.snapshots": "Snapshot",
    "relay.settings": "RelaySettings",
    "server.chosen_secrets": "Secrets",
    "server.mock": "KlingMock",
    "relay.storage.errors": "InsufficientQuotaError",
    "relay.storage.values": "LedgerEntry LedgerKind LateReport Reconciliation Unexplained User",
    "testing.receiver": "KlingReceiver ReceivedCallback",
    "testing.recorded": "RecordedKling",
    "web.limits": "Limits",
}
_MODULE_OF: Final = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    """Load a name when it is first used."""
    if name == "__version__":
        import kling_sdk  # both are one distribution

        value: object = kling_sdk.__version__
    elif name in _MODULE_OF:
        value = _load(_MODULE_OF[name], name)
    else:
        raise AttributeError(f"module 'kling_mock' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _load(module: str, name: str) -> object:
    try:
        return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in {"aiohttp", "imagesize", "multidict"}:
            raise ImportError(MISSING_EXTRA) from error
        raise
