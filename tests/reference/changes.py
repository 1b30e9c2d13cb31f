"""Changes of the emulator's behaviour, and the reasons for them."""

from __future__ import annotations

from typing import Final, NamedTuple


class Change(NamedTuple):
    """One change.

    Attributes:
        before: What the emulator did.
        now: What it does.
        why: What the real service was observed to do.
    """

    before: str
    now: str
    why: str


#: All changes, in the order of the page.
CHANGES: Final = (
    Change(
        "a key that the endpoint does not know was refused",
        "it is ignored, with a note",
        "production clients send such keys with every request, and are served",
    ),
    Change(
        "`cfg_scale` with v2 models was refused",
        "it is ignored, with a note",
        "three production clients send it always; the pages say only that it is not supported",
    ),
    Change(
        "an unknown `model_name` was 404 with 1203",
        "400 with 1201, in the seen words",
        "seen live in 2026-05, and in five more sources until 2026-08",
    ),
    Change(
        "an unknown path was answered with the envelope",
        "HTTP 404 with the body of the web framework",
        "a sample of 2025-06; that it is a 404 was seen again in 2026-08",
    ),
    Change(
        "`duration` as a number was refused",
        "a number is accepted for a string and the reverse, with a note",
        "official samples send either",
    ),
    Change(
        "refusals had the emulator's own words, or its help after the seen ones",
        "the seen words and nothing else; the help is in the note",
        "clients compare the texts",
    ),
    Change(
        "a picture that is too small was refused",
        "it fails the task later",
        "seen so since the middle of 2026",
    ),
    Change(
        "retired models and multi-image2video were served without a note",
        "they are served with a note that has the date; `mock.retired` refuses them",
        "one account was refused them on 2026-09-20 and 28",
    ),
    Change(
        "files behind URLs could always be fetched",
        "one whose host ends in `.invalid` fails the task later, which costs nothing",
        "seen once on the model-path interface",
    ),
    Change(
        "there was no model-path interface",
        "it is served; `duration` is mostly not checked at create, unknown keys are ignored",
        "the vendor's pages of 2026-09, and two people's calls until 2026-10",
    ),
)
