"""From the bytes of a request to a plan of its task, or to a refusal.

Decided here, because nobody has seen it: of a key that is given twice the last one counts; the
`Content-Type` header is not looked at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from kling_mock.kling.endpoints.field_checks import check_fields
from kling_mock.kling.endpoints.library_ids import check_library_ids
from kling_mock.kling.endpoints.models import RETIRED
from kling_mock.kling.endpoints.record import (
    CallContext,
    Capability,
    CreateRequest,
    EmulatedEndpoint,
    Retirement,
)
from kling_mock.kling.endpoints.typical_times import seconds_to_make
from kling_mock.kling.model.plan import ParentVideo, Plan
from kling_mock.kling.service_codes import Refusal, refusal, shortened
from kling_mock.kling.wire.solutions import SOLUTIONS

__all__ = ["make_plan", "prompt_of", "read_object"]

_DEFAULT_DURATION = "5"


def read_object(body: bytes) -> dict[str, object]:
    """Return the JSON object in *body*.

    Raises:
        Refusal: 400/1200 if the bytes are not UTF-8, not JSON, too deep, or not an object.
    """
    try:
        found: Any = _decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Refusal(1200, f"The body is not UTF-8: see byte {error.start}.") from None
    except RecursionError:
        raise Refusal(1200, "The body is nested too deeply.") from None
    except ValueError as error:  # also of a number with more than 4,300 digits
        reason = str(error).partition("; use sys.")[0]
        raise Refusal(1200, f"The body is not JSON: {reason}.") from None
    if not isinstance(found, dict):
        raise Refusal(1200, "The body must be a JSON object.")
    return found


def make_plan(record: EmulatedEndpoint, body: Mapping[str, object], context: CallContext) -> Plan:
    """Check a create request against the record of its endpoint.

    Args:
        record: The endpoint.
        body: The request's JSON object.
        context: What the request is judged by besides.

    Raises:
        Refusal: 400/1201.
    """
    _check_endpoint(record, context)
    fields: Mapping[str, Any] = check_fields(record.fields, body, context.reader)
    if record.prepare is not None:
        fields = record.prepare(fields, context)
    request = _resolve(record, fields, context)
    for rule in record.rules:
        rule(request)
    if record.interface is not SOLUTIONS:  # which have voices of their own (their pages)
        check_library_ids(fields, context)
    row, seconds = request.capability, request.seconds
    result = record.result(request)
    price = record.prices[row.model, row.mode, record.use(request)]
    path, name = record.path, context.name
    return Plan(
        endpoint=record.name,
        path=f"{path.rpartition('/')[0]}/{name}" if name else path,
        model=row.model,
        mode=row.mode,
        seconds=seconds,
        resolution=row.resolution,
        aspect_ratio=record.aspect_ratio(request),
        fps=row.fps,
        sound=record.sound(request),
        units=price.units(seconds, result.total),
        prompt=prompt_of(fields),
        external_task_id=fields.get("external_task_id", ""),
        callback_url=fields.get("callback_url", ""),
        watermark=_watermark(record, fields),
        typical_seconds=seconds_to_make(record.typical_seconds[row.model], row.mode, seconds),
        result=result,
        pack=record.pack,
        slots=record.slots(request),
        parent_video=_parent(record, fields, context),
        failure=context.reader.noticed.failure,
        shows_duration=record.shows_duration,
        entry=None if record.library is None else record.library.entry(request),
    )


def _watermark(record: EmulatedEndpoint, fields: Mapping[str, Any]) -> bool | None:
    given = fields.get("watermark_info")
    if given is None:
        return False if record.shows_watermark else None
    return given.get("enabled") is True


def _check_endpoint(record: EmulatedEndpoint, context: CallContext) -> None:
    """Refuse what the path alone decides: an endpoint that is gone, and a model in it."""
    if record.name in context.retired:
        raise refusal("api_retired")
    if record.retired is not None:
        context.reader.noticed.retired("path", _gone(record.name, record.retired))
    if context.name and record.aliases.get(context.name, context.name) not in record.modes:
        raise _unknown_model(record, context.name, context)


def _gone(name: str, retirement: Retirement) -> str:
    return f"{name}: the real service was seen to refuse it on {retirement.seen}; see mock.retired"


def _parent(
    record: EmulatedEndpoint, fields: Mapping[str, Any], context: CallContext
) -> ParentVideo | None:
    if record.parent_video is not None:
        return record.parent_video(fields, context)
    if not record.parent_field:
        return None
    video_id = str(fields[record.parent_field])
    parent = context.find_video(video_id)
    return None if parent is None else ParentVideo(video_id, parent.seconds)


def _resolve(
    record: EmulatedEndpoint, fields: Mapping[str, Any], context: CallContext
) -> CreateRequest:
    """Find the row of the capabilities for a request.

    Raises:
        Refusal: The endpoint does not serve this model, mode or duration.
    """
    model = str(fields.get("model_name", record.default_model))
    modes = record.modes.get(model)
    if modes is None:
        raise _unknown_model(record, model, context)
    was_seen = model in RETIRED and record.pack == "video"  # refused; pictures of it were not
    if model in context.retired and (was_seen or model not in RETIRED):
        raise refusal("model_retired", model)
    if was_seen:
        context.reader.noticed.retired("model_name", _gone(model, RETIRED[model]))
    row = _row(record, model, modes, fields)
    if record.fixed_seconds is not None:
        seconds = record.fixed_seconds(fields, context)
        if seconds is not None:
            return CreateRequest(record, fields, row, seconds, context)
    duration = str(fields.get("duration", _DEFAULT_DURATION))
    if int(duration) not in row.durations:
        mode = str(fields.get("mode", record.default_mode))
        possible = ", ".join(str(seconds) for seconds in row.durations)
        note = f"must be one of {possible}"
        raise refusal("combination", model, mode, duration, field="duration", note=note)
    return CreateRequest(record, fields, row, int(duration), context)


def _row(
    record: EmulatedEndpoint, model: str, modes: tuple[str, ...], fields: Mapping[str, Any]
) -> Capability:
    mode = str(fields.get(record.mode_field, record.default_mode))
    # "mode is not applicable" to the masters: std and pro are taken for the only mode (assumed).
    found = "none" if modes == ("none",) and mode != "4k" else mode
    row = record.rows.get((model, found))
    if row is None:
        possible = ", ".join(name for name in modes if name != "none") or "std, pro"
        note = f"must be one of {possible}"
        if record.mode_field != "mode":
            values = {"path": record.mode_field, "value": mode}
            raise refusal("value", field=record.mode_field, note=note, **values)
        duration = str(fields.get("duration", _DEFAULT_DURATION))
        raise refusal("combination", model, mode, duration, field="mode", note=note)
    return row


def _unknown_model(record: EmulatedEndpoint, model: str, context: CallContext) -> Refusal:
    field, note = "model_name", f"must be one of {', '.join(record.models)}"
    if context.name or model in context.models:
        return refusal("other_endpoint", field="path" if context.name else field, note=note)
    return refusal("value", path=field, value=shortened(model), field=field, note=note)


def prompt_of(fields: Mapping[str, Any]) -> str:
    """Return the text that content rules look at."""
    if fields.get("multi_shot") is True and fields.get("shot_type") == "customize":
        return "\n".join(shot["prompt"] for shot in fields["multi_prompt"])
    if "prompt" in fields:
        return str(fields["prompt"])
    spoken = fields.get("input", {}).get("text", "")  # of lip-sync
    heard = (fields.get(name, "") for name in ("text", "sound_effect_prompt", "bgm_prompt"))
    return "\n".join(text for text in (spoken, *heard) if text)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


_decode = json.JSONDecoder(parse_constant=_no_constant).decode
