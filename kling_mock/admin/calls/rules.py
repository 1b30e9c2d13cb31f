"""Faults, progress and content rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from kling_mock.admin.context import AdminContext
from kling_mock.admin.views import FAULT, TARGET, show_fault, show_target
from kling_mock.controls.rules import ContentHandle, FaultsHandle, ProgressHandle
from kling_mock.kling.faults.declaring import read_fault
from kling_mock.kling.faults.kinds import KINDS, FaultSetting, Stage
from kling_mock.kling.model.content import ContentAction
from kling_mock.kling.model.progress import MAX_POLLS, MAX_SECONDS, ProgressKind
from kling_mock.kling.service_codes import CODES
from kling_mock.web.errors import ApiError
from kling_mock.web.json_schema import Schema, array, closed, encode, integer, number, text
from kling_mock.web.operations import ApiCall, Parameters

REMOVED = closed(removed=integer(0, about="How many there were."))

_COUNT = "How many there are now."
_TARGET: Mapping[str, Schema] = {  # for requests; in the views these may be null
    name: {**schema, "type": "string"} for name, schema in TARGET.items()
}


def _clear(rules: FaultsHandle | ProgressHandle | ContentHandle) -> dict[str, Any]:
    count = len(rules)
    rules.clear()
    return {"removed": count}


# ---------------------------------------------------------------- faults

# Checked by `read_fault`, since the accepted members depend on the kind.
FAULT_WANTED: Schema = {"$ref": "#/components/schemas/FaultWanted"}
_SETTING = closed(
    name=text(),
    type=text(enum=("number", "text")),
    expected=text("What a value must be."),
    default={"type": ["number", "string", "null"]},
)
_FAULT_KIND = closed(
    kind=text(enum=list(KINDS)),
    stage=text("Where it strikes.", enum=get_args(Stage)),
    summary=text("What happens."),
    settings=array(_SETTING),
)


def list_faults(context: AdminContext, _parameters: Parameters) -> dict[str, Any]:
    """Return all faults, the oldest first."""
    return {"data": [show_fault(fault) for fault in context.faults]}


def list_fault_kinds(_context: AdminContext, _parameters: Parameters) -> dict[str, Any]:
    """Return the kinds of faults, and the settings of each."""
    rows: list[dict[str, Any]] = []
    for kind in KINDS.values():
        settings = [
            encode(_SETTING, setting, name=name, type=_type_of(setting))
            for name, setting in kind.settings.items()
        ]
        rows.append(encode(_FAULT_KIND, kind, kind=kind.name, settings=settings))
    return {"data": rows}


def _type_of(setting: FaultSetting) -> str:
    return "text" if setting.schema.get("type") == "string" else "number"


def add_fault(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Add a fault, from now on."""
    return show_fault(context.world.faults.add([read_fault(parameters)])[0])


def load_faults(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Add the faults of a profile, all or none."""
    return {"data": [show_fault(fault) for fault in context.faults.load(parameters["faults"])]}


def remove_fault(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """End one fault."""
    faults = [fault for fault in context.faults if fault.fault_id == parameters["fault_id"]]
    if not faults:
        raise ApiError(404, "unknown_fault", "There is no such fault, or it was removed.")
    context.faults.remove(faults[0])
    return {"removed": 1}


def clear_faults(context: AdminContext, _parameters: Parameters) -> dict[str, Any]:
    """End all faults."""
    return _clear(context.faults)


# ---------------------------------------------------------------- progress

PACE = closed(kind=text(enum=get_args(ProgressKind)), **TARGET, seconds=number(0), polls=integer(0))
PACE_WANTED = closed(
    (*_TARGET, "seconds", "polls"),
    kind=text("`typical`, or another way; see docs/emulator.md.", enum=get_args(ProgressKind)),
    **_TARGET,
    seconds=number(0, MAX_SECONDS, "With `after` only: seconds from submitted to the end."),
    polls=integer(1, MAX_POLLS, "With `polls` only: the number of the poll at which it ends."),
)


def list_progress(context: AdminContext, _parameters: Parameters) -> dict[str, Any]:
    """Return the progress rules, the oldest first."""
    rules = context.world.progress_rules
    return {"data": [encode(PACE, pace, **show_target(where)) for where, pace in rules]}


def add_progress(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Add a progress rule."""
    context.progress.add(**parameters)
    return {"rules": len(context.progress)}


def clear_progress(context: AdminContext, _parameters: Parameters) -> dict[str, Any]:
    """Let new tasks take the usual time of their model again."""
    return _clear(context.progress)


# ---------------------------------------------------------------- content

_REVIEW = {name: schema for name, schema in TARGET.items() if name != "prompt"}
_REVIEW_WANTED = {name: schema for name, schema in _TARGET.items() if name != "prompt"}
_KIND = text("`refuse` the create call, or let the task `fail`.", enum=get_args(ContentAction))
_CODE = {**integer(about="The service code; default 1301."), "enum": [c for c in CODES if c]}

VERDICT = closed(
    prompt=text("Text that the prompt contains, or the pattern it is searched for."),
    kind=_KIND,
    **_REVIEW,
    code=integer(),
    message=text(),
)
VERDICT_WANTED = closed(
    ("kind", *_REVIEW_WANTED, "code", "message"),
    prompt=text("Text that a prompt contains, in any case; empty matches every prompt."),
    kind=_KIND,
    **_REVIEW_WANTED,
    code=_CODE,
    message=text("The text that the user sees; default: that of the code.", max_length=1000),
)


def list_content(context: AdminContext, _parameters: Parameters) -> dict[str, Any]:
    """Return the content rules, the oldest first."""
    rows: list[dict[str, Any]] = []
    for pattern, where, verdict in context.world.content:
        target = {
            name: condition for name, condition in show_target(where).items() if name != "prompt"
        }
        rows.append({"prompt": pattern, **target, **verdict._asdict()})
    return {"data": rows}


def add_content(context: AdminContext, parameters: Parameters) -> dict[str, Any]:
    """Refuse a prompt."""
    context.content.add(**parameters)
    return {"rules": len(context.content)}


def clear_content(context: AdminContext, _parameters: Parameters) -> dict[str, Any]:
    """Let every prompt pass again."""
    return _clear(context.content)


CALLS: tuple[ApiCall[AdminContext], ...] = (
    ApiCall("GET", "/faults", list_faults, "List the faults", closed(data=array(FAULT))),
    ApiCall(
        "GET",
        "/faults/kinds",
        list_fault_kinds,
        "List the kinds of faults and their settings",
        closed(data=array(_FAULT_KIND)),
    ),
    ApiCall(
        "POST",
        "/faults",
        add_fault,
        "Add a fault, from now on",
        FAULT,
        FAULT_WANTED,
        status=201,
        examples={"once": {"kind": "response-lost", "match": "POST *", "times": 1}},
    ),
    ApiCall(
        "POST",
        "/faults/profile",
        load_faults,
        "Add several faults; if one is invalid, none is added",
        closed(data=array(FAULT)),
        closed(faults=array(FAULT_WANTED, 1000)),
        status=201,
        examples={"two": {"faults": [{"kind": "reset", "probability": 0.1}, {"kind": "stuck"}]}},
    ),
    ApiCall("DELETE", "/faults/{fault_id}", remove_fault, "End one fault", REMOVED),
    ApiCall("DELETE", "/faults", clear_faults, "End all faults", REMOVED),
    ApiCall("GET", "/progress", list_progress, "List the progress rules", closed(data=array(PACE))),
    ApiCall(
        "POST",
        "/progress",
        add_progress,
        "Add a rule for how new tasks progress; if several match, the newest counts",
        closed(rules=integer(1, about=_COUNT)),
        PACE_WANTED,
        status=201,
        examples={"polls": {"kind": "polls", "polls": 3}},
    ),
    ApiCall("DELETE", "/progress", clear_progress, "Remove all progress rules", REMOVED),
    ApiCall("GET", "/content", list_content, "List the content rules", closed(data=array(VERDICT))),
    ApiCall(
        "POST",
        "/content",
        add_content,
        "Let the content review refuse a prompt",
        closed(rules=integer(1, about=_COUNT)),
        VERDICT_WANTED,
        status=201,
        examples={"refuse": {"prompt": "blood"}},
    ),
    ApiCall("DELETE", "/content", clear_content, "Remove all content rules", REMOVED),
)
