"""Suggestions for misspelt names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

_MIN_LENGTH = 4  # characters of a name that is looked for in another
_FIRST_FRAME: Final = frozenset(
    {"first_frame", "input_image", "input_reference", "prompt_image", "start_image"}
)
_LAST_FRAME: Final = frozenset(
    {"end_image", "end_image_url", "last_frame", "last_frame_image", "tail_image", "tail_image_url"}
)
#: Names of ours -> what the clients of other services call the same thing.
_OTHER_NAMES: Final[dict[str, frozenset[str]]] = {
    "duration": frozenset({"length", "num_seconds", "seconds", "video_length"}),
    "model_name": frozenset({"model_id"}),
    "prompt": frozenset({"text"}),
    "image": _FIRST_FRAME,
    "image_tail": _LAST_FRAME,
    "image_url": _FIRST_FRAME,
    "image_list": _FIRST_FRAME | _LAST_FRAME,
    "resolution": frozenset({"size"}),
    "aspect_ratio": frozenset({"size"}),
    "cfg_scale": frozenset({"guidance", "guidance_scale"}),
    "n": frozenset({"num_images", "num_outputs", "number_of_images"}),
    "callback_url": frozenset({"webhook", "webhook_url"}),
    "external_task_id": frozenset({"idempotency_key"}),
}


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the name in *known* that is closest to *name*, or None when none is close.

    Another service's name for it comes first (`seconds`: `duration`), then a name that contains it
    (`model`: `model_name`), one that it contains (`image_url`: `image`), and one that differs in
    few letters (`promt`: `prompt`).
    """
    from difflib import get_close_matches  # only a mistake needs it

    names, low = list(known), name.lower()
    same = [ours for ours, others in _OTHER_NAMES.items() if low in others and ours in names]
    longer = [candidate for candidate in names if _is_part(low, candidate)]
    shorter = [candidate for candidate in names if _is_part(candidate, low)]
    close = get_close_matches(low, names, n=1)
    matches = [*same, *sorted(longer, key=len)[:1], *sorted(shorter, key=len)[-1:], *close]
    return matches[0] if matches else None


def _is_part(part: str, name: str) -> bool:
    return len(part) >= _MIN_LENGTH and (name.startswith(part) or part in name.split("_"))


class Suggesting:
    """An object whose error for a misspelt attribute names the one that was probably meant."""

    __slots__ = ()  # so that a class with slots stays one

    if not TYPE_CHECKING:  # which would take any name for one that exists

        def __getattr__(self, name: str) -> object:
            text = f"{type(self).__name__} has no attribute {name!r}"
            if name.startswith("_"):
                raise AttributeError(text)
            names = [known for known in dir(self) if not known.startswith("_")]
            short = name.replace("_to_", "2").removesuffix("s")  # text_to_video, videos
            alike = [known for known in names if len(short) >= _MIN_LENGTH and short in known]
            if short in alike or not alike:
                likely = short if short in alike else nearest(name, names)
                alike = [] if likely is None else [likely]
            hint = f"did you mean {' or '.join(map(repr, alike))}?" if alike else ""
            raise AttributeError(f"{text}; {hint or 'it has ' + ', '.join(names)}")
