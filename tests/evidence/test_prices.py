"""The price of a request, by the vendor's price list and the charges of accounts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from kling_sdk import PRICES
from tests.evidence.requests import model_request, priced
from tests.evidence.rows import Failures, name_of, rows
from tests.evidence.sides import CALLS, CLASSES, Emulator, Sdk

#: For these, the source decides model and size.
EXTENDED = "/v1/videos/video-extend"
#: Its length is that of the video that something was selected in.
SELECTED = "/v1/videos/multi-elements"
SIZES = {"720p": "std", "1080p": "pro"}
#: The default of a request that does not say, by the pages of all videos.
USUAL_SECONDS = 5
USES = {"motion": "video"}


def lines() -> Iterator[tuple[str, dict[str, Any], int | None, Decimal]]:
    """Yield each price of a length of its own: its name, row, seconds, and units."""
    for row in rows("prices"):
        name = name_of(row) if row.get("model", "") is not None else f"{row['path']} by default"
        if row["per"] == "clip":
            for seconds, units in row["units"].items():
                yield f"{name}: {seconds} s", row, int(seconds), Decimal(units)
        elif row["per"] == "second" and row.get("use") != "motion" and "/avatar" not in row["path"]:
            for seconds in (5, 10):
                yield f"{name}: {seconds} s", row, seconds, Decimal(row["units"]) * seconds
            if not row.get("size"):
                yield f"{name}: no length", row, 0, Decimal(row["units"]) * USUAL_SECONDS
        else:
            yield name, row, None, Decimal(row["units"])


def listed_units(path: str, row: Mapping[str, Any]) -> set[tuple[Decimal, str]]:
    """Return what the SDK's list has for a row whose units depend on what is brought."""
    model_and_mode = row.get("model", ""), SIZES.get(row.get("size", ""), row.get("size", ""))
    if path in CALLS:
        names = {CALLS[path].partition(".")[0].replace("_", "-")}
    else:
        names = {CLASSES[path].record.name}
    use = USES.get(row.get("use", "silent"), row.get("use", "silent"))
    return {
        (price.units, price.per)
        for price in PRICES
        if names & set(price.endpoints)
        and (price.model, price.mode, price.use) == (*model_and_mode, use)
    }


def test_the_sdk_estimates_what_the_price_list_says(sdk: Sdk) -> None:
    """Where a length or number is known, the sum; else the line of its list."""
    failures = Failures("prices", "sdk")
    for name, row, seconds, units in lines():
        path = row["path"]
        if row.get("model", "") is None:  # the SDK never leaves it to the service
            continue
        request = None if path == EXTENDED or path in CALLS else priced(row, seconds or None)
        estimate = None if request is None else sdk.estimate(path, request.fields)
        if request is not None and estimate is not None and estimate.units is not None:
            pictures = request.fields.get("n", 1) if row["per"] == "picture" else 1
            if estimate.units != units * pictures:
                failures.add(name, f"{estimate.units} units, not {units * pictures}")
            continue
        prices = listed_units(path, row)
        if {price for price, _ in prices} != {units}:
            failures.add(
                name, f"{prices or 'no price'}, not {units}; {estimate and estimate.reason}"
            )
    failures.report()


def done(emulator: Emulator, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the task that a request has made, when it has ended."""
    (reply,) = emulator.create_all([(path, body)])
    emulator.finish()
    return emulator.tasks_of([(path, reply.task_id)])[0]


def brought(emulator: Emulator, path: str, model: str, size: str, seconds: int) -> str:
    """Return the id of a video by a model, in a size, of a length."""
    source = {"path": path, "model": model, "size": size}
    task = done(emulator, path, model_request(source, seconds=seconds).body)
    return str(task["task_result"]["videos"][0]["id"])


def selection_in(emulator: Emulator, seconds: int) -> str:
    """Return a selection in a video of this length."""
    video = brought(emulator, "/v1/videos/text2video", "kling-v1-6", "std", seconds)
    body = {"video_id": video}
    session = emulator.ask("POST", f"{SELECTED}/init-selection", body).body["data"]["session_id"]
    points = {"session_id": session, "frame_index": 0, "points": [{"x": 0.5, "y": 0.5}]}
    emulator.ask("POST", f"{SELECTED}/add-selection", points)
    return str(session)


def request_for(
    emulator: Emulator, row: Mapping[str, Any], seconds: int | None
) -> tuple[str, dict[str, Any]]:
    """Return path and body of the request that a row speaks of."""
    path = row["path"]
    if path == EXTENDED:
        video = brought(emulator, "/v1/videos/image2video", row["model"], row["size"], 5)
        return path, {"video_id": video, "prompt": "it goes on"}
    request = priced(row, seconds or None)
    if path == SELECTED and seconds == 10:
        return path, request.body | {"session_id": selection_in(emulator, seconds)}
    return request.path, request.body


def length_of(task: Mapping[str, Any]) -> float:
    """Return how long the video of a task is."""
    videos = task["outputs"] if "outputs" in task else task["task_result"]["videos"]
    return float(videos[0]["duration"])


def test_the_emulator_charges_what_the_price_list_says(emulator: Emulator) -> None:
    """A finished task says what it has cost, a call that answers at once says it too."""
    failures, sold = Failures("prices", "emulator"), list(lines())
    requests = [request_for(emulator, row, seconds) for _, row, seconds, _ in sold]
    created: list[tuple[str, str]] = []
    left: list[tuple[str, dict[str, Any], int | None, Decimal]] = []
    for line, (path, _), reply in zip(sold, requests, emulator.create_all(requests), strict=True):
        name, row, _, units = line
        if reply.code != 0:
            failures.add(name, str(reply))
        elif row["path"] in CALLS:
            amount = Decimal(reply.body["data"].get("final_unit_deduction", "NaN"))
            if amount != units:
                failures.add(name, f"{amount} units, not {units}")
        else:
            created.append((path, reply.task_id))
            left.append(line)
    emulator.finish()
    for (name, row, seconds, units), task in zip(left, emulator.tasks_of(created), strict=True):
        expected = units * results_of(row, seconds, task)
        bills = task.get("billing") or [{}]
        amount = Decimal(task.get("final_unit_deduction") or bills[0].get("amount", "NaN"))
        if amount != expected:
            failures.add(name, f"{amount} units, not {expected}")
    failures.report()


def results_of(row: Mapping[str, Any], seconds: int | None, task: Mapping[str, Any]) -> int:
    """Return how often a row's price is due for a task."""
    if row["per"] == "picture":
        return len(task["task_result"]["images"])
    if row["per"] == "5 seconds":
        return math.ceil(round(length_of(task)) / 5)
    return round(length_of(task)) if row["per"] == "second" and seconds is None else 1
