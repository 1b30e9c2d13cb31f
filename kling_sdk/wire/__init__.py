"""Calls on the wire: one object per interface, which makes calls and reads replies."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from kling_sdk.wire.messages import HttpCall, NameKind, Reply
from kling_sdk.wire.v1 import V1Wire

__all__ = ["WIRES", "HttpCall", "NameKind", "Reply", "V1Wire"]

_HOMES: Final = {
    "model-path": "model_path.MODEL_PATH",
    "solutions": "solutions.SOLUTIONS_WIRE",
    "relay": "relay.RELAY",
}


class _Wires(dict[str, V1Wire]):
    """Wires by name. All except that of /v1 are loaded on first use."""

    def __missing__(self, name: str) -> V1Wire:
        module, _, wire = _HOMES[name].rpartition(".")
        return self.setdefault(name, getattr(import_module(f"{__name__}.{module}"), wire))


#: The vendor's interfaces, by the name that an `EndpointRecord` gives, and that of relays.
WIRES: Final[dict[str, V1Wire]] = _Wires(v1=V1Wire())
