"""Validation of requests: from their bytes to a plan of the task, or to a refusal.

Decided here, because it was never observed: if a key is given twice, the last value counts; the
`Content-Type` header is ignored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from kling_mock.kling.endpoints.field_checks import check_fields
from kling_mock.kling.endpoints.fields import FieldShape
from kling_mock.kling.endpoints.library_ids import check_library_ids
from kling_mock.kling.endpoints.record import (
    CallContext,
    Capability,
    CreateRequest,
    EmulatedEndpoint,
)
from kling_mock.kling.endpoints.typical_times import seconds_to_make
from kling_mock.kling.model.plan import ParentVideo, Plan
from kling_mock.kling.service_codes import Refusal, refusal, shortened
from kling_mock.kling.wire.solutions import SOLUTIONS
from kling_sdk.facts.models import RETIRED_ENDPOINTS, RETIRED_MODELS
from kling_sdk.facts.sources import Retirement

_DEFAULT_DURATION = "5"


def read_object(body: bytes) -> dict[str, object]:
    """Return the JSON object in *body*.

    Raises:
        Refusal: 400/1200 if the bytes are not UTF-8, not JSON, too deep, or not an object.
    """
    try:
        document: Any = _decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Refusal(1200, f"The body is not UTF-8: see byte {error.start}.") from None
    except RecursionError:
        raise Refusal(1200, "The body is nested too deeply.") from None
    except ValueError as error:  # also of a number with more than 4,300 digits
        reason = str(error).partition("; use sys.")[0]
        raise Refusal(1200, f"The body is not JSON: {reason}.") from None
    if not isinstance(document, dict):
        raise Refusal(1200, "The body must be a JSON object.")
    return document


def make_plan(record: EmulatedEndpoint, body: Mapping[str, object], context: CallContext) -> Plan:
    """Check a create request against the record of its endpoint.

    Args:
        body: The request's JSON object.
        context: The context that the request is judged by.

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
    if record.interface is not SOLUTIONS:  # which has its own voices (its pages)
        check_library_ids(fields, context)
    row, seconds = request.capability, request.seconds
    result = record.result(request)
    price = record.prices[row.model, row.mode, record.use(request)]
    items = result.total if price.per == "result" else 1
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
        units=price.units(seconds, items),
        prompt=prompt_of(record.fields, fields),
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
    watermark = fields.get("watermark_info")
    if watermark is None:
        return False if record.shows_watermark else None
    return watermark.get("enabled") is True


def _check_endpoint(record: EmulatedEndpoint, context: CallContext) -> None:
    """Refuse by the path alone: a retired endpoint, or an unknown model in the path."""
    if record.name in context.retired:
        raise refusal("api_retired")
    if record.name in RETIRED_ENDPOINTS:
        gone = _gone(record.name, RETIRED_ENDPOINTS[record.name])
        context.reader.noticed.retired("path", gone)
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
    was_seen = model in RETIRED_MODELS and record.pack == "video"  # it still makes images
    if model in context.retired and (was_seen or model not in RETIRED_MODELS):
        raise refusal("model_retired", model)
    if was_seen:
        context.reader.noticed.retired("model_name", _gone(model, RETIRED_MODELS[model]))
    fields = _used(record, model, fields, context)
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


def _used(
    record: EmulatedEndpoint, model: str, fields: Mapping[str, Any], context: CallContext
) -> Mapping[str, Any]:
    """Return the fields that the model uses; the others are noted."""
    unused = record.without_effect.get(model)
    if unused is None:
        return fields
    for name in sorted(fields.keys() & unused):
        context.reader.noticed.inapplicable(name, f"{model} accepts it and does not use it")
    return {name: value for name, value in fields.items() if name not in unused}


def _row(
    record: EmulatedEndpoint, model: str, modes: tuple[str, ...], fields: Mapping[str, Any]
) -> Capability:
    mode = str(fields.get(record.mode_field, record.default_mode))
    # "mode is not applicable" to the masters: std and pro are taken for the only mode (assumed).
    effective_mode = "none" if modes == ("none",) and mode != "4k" else mode
    row = record.rows.get((model, effective_mode))
    if row is None:
        possible = ", ".join(name for name in modes if name != "none") or "std, pro"
        note = f"must be one of {possible}"
        if record.mode_field != "mode":
            values = {"path": record.mode_field, "value": mode}
            raise refusal("value", field=record.mode_field, note=note, **values)
        if mode == "4k":
            raise refusal("no_4k", model, field="mode", note=note)
        duration = str(fields.get("duration", _DEFAULT_DURATION))
        raise refusal("combination", model, mode, duration, field="mode", note=note)
    return row


def _unknown_model(record: EmulatedEndpoint, model: str, context: CallContext) -> Refusal:
    field, note = "model_name", f"must be one of {', '.join(record.models)}"
    if context.name or model in context.models:
        return refusal("other_endpoint", field="path" if context.name else field, note=note)
    return refusal("value", path=field, value=shortened(model), field=field, note=note)


def prompt_of(shape: FieldShape, fields: Mapping[str, Any]) -> str:
    """Return the text that content rules inspect."""
    if fields.get("multi_shot") is True and fields.get("shot_type") == "customize":
        return "\n".join(shot["prompt"] for shot in fields["multi_prompt"])
    if "prompt" in fields:
        return str(fields["prompt"])
    return "\n".join(shape.words(fields))


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


_decode = json.JSONDecoder(parse_constant=_no_constant).decode
