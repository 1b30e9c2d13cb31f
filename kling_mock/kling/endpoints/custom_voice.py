"""`voices`: custom voices, for videos with speech."""

from __future__ import annotations

from kling_mock.kling.endpoints.example_parts import CALLBACK, SITE, VIDEO_ID
from kling_mock.kling.endpoints.fields import fields_of
from kling_mock.kling.endpoints.images import check_reachable
from kling_mock.kling.endpoints.library_parts import (
    BEHAVIOURS,
    PAGE,
    no_model,
    nothing_long,
    result_of,
)
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import (
    CreateRequest,
    EmulatedEndpoint,
    EmulatedLibrary,
)
from kling_mock.kling.model.library import VENDOR, LibraryEntry
from kling_mock.kling.service_codes import invalid
from kling_mock.kling.wire.v1 import V1
from kling_mock.web.facts import assumed, observed
from kling_sdk.facts.products.custom_voice import REQUEST


def _check_source(request: CreateRequest) -> None:
    """Check that there is one sound or one video of the account."""
    fields = request.fields
    if "voice_url" not in fields and "video_id" not in fields:
        raise invalid("voice_url", "required, unless there is video_id")
    if "voice_url" in fields and "video_id" in fields:
        raise invalid("video_id", "not possible together with voice_url")
    if "voice_url" in fields:
        check_reachable(fields["voice_url"], request.context.reader.noticed)
    elif request.context.find_video(fields["video_id"]) is None:
        text = "must be the id of a video of this account"
        raise invalid("video_id", text, fields["video_id"])


def _entry(request: CreateRequest) -> LibraryEntry:
    return LibraryEntry("voice", request.fields["voice_name"])


RECORD = EmulatedEndpoint(
    name="voices",
    interface=V1,
    path=REQUEST.path,
    fact=REQUEST.fact,
    summary="Make a voice of a recording",
    fields=fields_of(REQUEST),
    examples={
        "recording": {"voice_name": "Mara", "voice_url": f"{SITE}/mara.wav"},
        "video": {
            "voice_name": "Tom",
            "video_id": VIDEO_ID,
            "callback_url": CALLBACK,
            "external_task_id": "voices-1",
        },
    },
    rules=(_check_source,),
    capabilities=no_model(),
    shows_watermark=False,
    fixed_seconds=nothing_long,
    result=result_of,
    prices=listed_prices("voices"),
    typical_seconds={"": 9.0},
    library=EmulatedLibrary(
        kind="voice",
        presets_path="/v1/general/presets-voices",
        delete_paths=("/v1/general/delete-voices",),
        entry=_entry,
        fact=PAGE,
        max_page_size=1000,
    ),
    presets=(
        LibraryEntry("voice", "Emulated voice 1", VENDOR),
        LibraryEntry("voice", "Emulated voice 2", VENDOR),
        LibraryEntry("voice", "Emulated voice 3", VENDOR),
    ),
    behaviours=(
        *BEHAVIOURS,
        ("It takes about 9 s.", observed("probe-2026-09", as_of="2026-09-22", note="seen once")),
        (
            "A voice is taken from any video of the account.",
            assumed("the page wants one that speaks: the sound is not analysed", "pages-2026-09"),
        ),
        (
            "A deleted voice is no longer listed.",
            assumed("the page has no status of a voice, as it has of an element", "pages-2026-09"),
        ),
        ("The sound at `trial_url` is a tone.", assumed("no speech is made")),
    ),
)
