"""The plainest request that each endpoint takes: what a test of all endpoints sends."""

from __future__ import annotations

import math
from typing import Any

from kling_mock.kling.endpoints.field_checks import FieldReader
from kling_mock.kling.endpoints.multi_elements_selection import SelectedVideo
from kling_mock.kling.endpoints.noticing import Noticed
from kling_mock.kling.endpoints.record import CallContext
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.endpoints.source_video import SourceVideo
from kling_mock.kling.endpoints.validation import make_plan
from kling_mock.kling.model.accounts import Account
from kling_mock.kling.model.plan import Plan
from kling_mock.kling.model.sessions import CallSession
from kling_mock.kling.wire.v1 import V1
from tests.endpoints import SOURCE, SOURCE_SELECTION, SOURCE_SESSION, SOURCE_VIDEO, URL, body

__all__ = ["NEEDS", "PLAIN", "URL", "V1_ENDPOINTS", "context", "plan"]

# The endpoints of /v1. Those of the model-path interface have tests of their own.
V1_ENDPOINTS = {name: record for name, record in ENDPOINTS.items() if record.interface is V1}
PLAIN = {name: body(name) for name, record in V1_ENDPOINTS.items() if record.makes_tasks}
# The fields that a request needs in addition to its prompt, by endpoint.
NEEDS = {
    name: {field: value for field, value in plain.items() if field != "prompt"}
    for name, plain in PLAIN.items()
}


def context(noticed: Noticed | None = None, interface: str = "v1", **options: Any) -> CallContext:
    """Return what a request is judged by in addition to its body."""
    known = ENDPOINTS.names[interface]
    reader = FieldReader(noticed or Noticed(), known.fields)
    return CallContext(reader, models=known.models, **options)


_SOURCE = make_plan(ENDPOINTS["text2video"], SOURCE, context())


def _source_of(video_id: str) -> Plan | None:
    return _SOURCE if video_id == SOURCE_VIDEO else None


def _session(kind: str, session_id: str) -> CallSession | None:
    """Return a session of identify-face or of a selection in the video of `SOURCE`."""
    source = SourceVideo(
        SOURCE_VIDEO, "", _SOURCE.seconds, _SOURCE.resolution, _SOURCE.aspect_ratio, _SOURCE.fps
    )
    remembered = {SOURCE_SESSION: source, SOURCE_SELECTION: SelectedVideo(source, {})}
    if session_id not in remembered:
        return None
    account = Account("account", [], [])
    return CallSession("1" * 18, account, kind, math.inf, remembered[session_id])


def plan(
    endpoint: str, body: dict[str, Any], noticed: Noticed | None = None, **options: Any
) -> Plan:
    """Return what the emulator makes of a request to one of Kling's endpoints."""
    interface = ENDPOINTS[endpoint].interface.name
    finding: dict[str, Any] = {"find_video": _source_of, "find_session": _session}
    judged = context(noticed, interface, **finding | options)
    return make_plan(ENDPOINTS[endpoint], body, judged)
