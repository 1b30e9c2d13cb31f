"""Refusals of wrong `settings`, `options` and `contents` on the model-path interface."""

from __future__ import annotations

from typing import Final

from kling_mock.kling.endpoints.fields import FieldTexts

_OBJECT: Final = FieldTexts(wrong_type="wrong_type")
_VALUE: Final = FieldTexts(wrong_type="value")
_CHOICE: Final = FieldTexts(wrong_value="choice", wrong_type="value")

#: By the path of the field.
TEXTS: Final[dict[str, FieldTexts]] = {
    "prompt": _OBJECT,
    "contents": _OBJECT,
    "contents.type": _VALUE,
    "settings": _OBJECT,
    "settings.resolution": _CHOICE,
    "settings.aspect_ratio": FieldTexts(wrong_value="aspect_ratio", wrong_type="value"),
    "settings.duration": _VALUE,
    "settings.audio": _CHOICE,
    "settings.multi_shot": _VALUE,
    "settings.character_orientation": _CHOICE,
    "settings.seed": _VALUE,
    "options": _OBJECT,
}
