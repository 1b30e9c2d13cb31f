"""The models: their sizes, the lengths of their videos, and their features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import pytest

from tests.evidence.requests import Asked, differs, model_request, plain
from tests.evidence.rows import Failures, name_of, rows
from tests.evidence.sides import Emulator, Sdk

ROWS: Final = rows("models")
VIDEO_SIZES: Final = ("std", "pro", "4k")
SIZES: Final = {"/v1/videos": VIDEO_SIZES, "/v1/images": ("1k", "2k", "4k")}
OF_A_VIDEO: Final = frozenset({"base_video", "audio_original", "video_base", "keep_original_sound"})
LENGTHS: Final = range(1, 17)  # seconds


class Probe(NamedTuple):
    """A request, and whether it is accepted by the evidence."""

    what: str
    request: Asked
    passes: bool


def plain_feature(row: Mapping[str, Any]) -> str:
    """Return what a request of a row has beside its prompt: alone, O1's text has own lengths."""
    if row["model"] == "kling-o1":
        return "refer_image"
    return "image_list" if row["model"] == "kling-video-o1" else ""


def probes() -> Iterator[Probe]:
    by_path: dict[str, list[dict[str, Any]]] = {}
    for row in ROWS:
        by_path.setdefault(row["path"], []).append(row)
    for path, listed in by_path.items():
        features = sorted({name for row in listed for name in row["has"]})
        for row in listed:
            yield from of_row(row, features)
        yield from of_no_row(path, listed)


def of_row(row: dict[str, Any], features: list[str]) -> Iterator[Probe]:
    name = name_of(row)
    extra = plain_feature(row)
    for seconds in LENGTHS if "seconds" in row else ():
        request = model_request(row, extra, seconds)
        yield Probe(f"{name}: {seconds} s", request, seconds in row["seconds"])
    if "seconds" not in row:
        yield Probe(f"{name}: plain", model_request(row), passes=True)
    for feature in features:
        if feature in row.get("unstated", ()):
            continue
        # Beside a base video its length counts, and is not asked for.
        length = 5 if "seconds" in row and feature not in OF_A_VIDEO else None
        request = model_request(row, feature, length)
        yield Probe(f"{name}: {feature}", request, feature in row["has"])
        for seconds in row["seconds"] if feature in row.get("only", {}) else ():
            request = model_request(row, feature, seconds)
            passes = seconds in row["only"][feature]
            yield Probe(f"{name}: {feature}, {seconds} s", request, passes)
    if "prompt" in row:
        for length in (row["prompt"], row["prompt"] + 1):
            request = model_request(row, extra, None, prompt="x" * length)
            yield Probe(f"{name}: {length} characters", request, length == row["prompt"])
    for feature, count in row.get("counts", {}).items() if row["size"] == "1080p" else ():
        for copies in (count, count + 1):
            request = model_request(row, feature, copies=copies)
            yield Probe(f"{name}: {copies} of {feature}", request, copies == count)


def of_no_row(path: str, listed: list[dict[str, Any]]) -> Iterator[Probe]:
    """Yield sizes that a model does not have, and models of other paths of the interface."""
    interface = path.rpartition("/")[0]
    sizes = {
        model: {row["size"] for row in listed if row["model"] == model}
        for model in (dict.fromkeys(row["model"] for row in listed))
    }
    every = SIZES.get(interface, ("720p", "1080p", "4k"))
    for model, own in sizes.items():
        # A model without sizes may have ignored `std` and `pro`.
        for size in set(every) - own if own != {""} else {"4k"} & {*VIDEO_SIZES, *every}:
            if own == {""} and interface == "/v1/images":
                continue
            row = {"path": path, "model": model, "size": size}
            extra = plain_feature(row)
            yield Probe(f"{name_of(row)}: no size", model_request(row, extra), passes=False)
    others = {
        row["model"] for row in ROWS if row["path"].startswith("/v1/") == path.startswith("/v1/")
    }
    for model in sorted(others - sizes.keys()):
        row = {"path": path, "model": model, "size": ""}
        yield Probe(f"{name_of(row)}: no such model", model_request(row), passes=False)


@pytest.mark.slow
def test_the_sdk_sends_what_a_model_takes_and_nothing_else(sdk: Sdk) -> None:
    """Each length, size and feature; what is sent is what the vendor's page has."""
    failures = Failures("models", "sdk")
    for what, request, passes in probes():
        path = request.path if request.path.startswith("/v1/") else f"/{request.path.split('/')[1]}"
        sent = sdk.create(path, request.fields)
        if bool(sent.refused) == passes:
            failures.add(what, sent.refused or "is sent")
        elif passes and (sent.path != request.path or differs(request.body, sent.body)):
            failures.add(what, differs(request.body, sent.body) or f"is sent to {sent.path}")
    failures.report()


def test_the_sdk_sends_a_model_of_the_path_where_none_is_given(sdk: Sdk) -> None:
    """The vendor's own default may be discontinued, so that one is always sent."""
    failures = Failures("models", "sdk")
    known = {(row["path"], row["model"]) for row in ROWS if row["path"].startswith("/v1/")}
    for path in sorted({path for path, _ in known}):
        sent = sdk.create(path, plain(path)).body["model_name"]
        if (path, sent) not in known:
            failures.add(path, f"{sent} is sent")
    failures.report(all_known=False)


@pytest.mark.slow
def test_the_emulator_accepts_what_a_model_takes_and_nothing_else(
    strict_emulator: Emulator,
) -> None:
    """The same requests; a wrong length of the model path fails the task later."""
    failures = Failures("models", "emulator")
    cases = list(probes())
    replies = strict_emulator.create_all(
        (probe.request.path, probe.request.body) for probe in cases
    )
    later: list[tuple[str, str]] = []
    judged: list[Probe] = []
    for probe, reply in zip(cases, replies, strict=True):
        if reply.code == 0 and not probe.request.path.startswith("/v1/"):
            later.append((probe.request.path, reply.task_id))
            judged.append(probe)
        elif (reply.code == 0) != probe.passes:
            failures.add(probe.what, str(reply))
    strict_emulator.finish()
    for probe, task in zip(judged, strict_emulator.tasks_of(later), strict=True):
        if (task["status"] == "succeeded") != probe.passes:
            failures.add(probe.what, f"{task['status']} {task['message']}")
    failures.report()
