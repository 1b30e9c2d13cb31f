"""Public words, which a session keeps: names of fields, models and settings, words of messages.

Every text of a body that is not known here counts as private. Words of the emulator's records are
taken from there; the lists below have the words that only the real service uses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final, Literal, NamedTuple

from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.service_codes import CODES

ValueKind = Literal["prompt", "message", "id", "time", "path", "callback", "setting"]

_KINDS: Final[Mapping[ValueKind, frozenset[str]]] = {
    "message": frozenset(
        ("message", "msg", "task_status_msg", "error", "error_message", "err_msg", "reason")
    ),
    # In addition to the fields that the facts call private: names of the user's own items.
    "prompt": frozenset(("element_name", "voice_name", "name", "description")),
    # The first four each have a handful of values, which are the same for every account.
    "setting": frozenset(("face_id", "object_id", "tag_id", "index", "model_name")),
    "id": frozenset(("id", "ids", "cursor", "next_cursor")),
    "time": frozenset(("timestamp",)),
    "path": frozenset(("path",)),
}
_ENDINGS: Final[tuple[tuple[str, ValueKind], ...]] = (
    ("_id", "id"),
    ("_ids", "id"),
    ("_name", "id"),
    ("_at", "time"),
    ("_time", "time"),
)
_SECRET: Final = re.compile(r"(?i)key|secret|token|password|signature|cookie|authorization")

_VALUES: Final = """
submitted processing succeed succeeded failed 1k 2k 8k true false none auto middle_frame audio text
subject face single series image_refer video_refer text2video audio2video file url zh en unit cash
balance test_balance general try_on try-on refer reference kling CNY USD decreasing_total
constant_period toBeOnline online expired runOut deleted object_seg head_seg face_seg cloth_seg
is_contain jpg jpeg png mp4 mov mp3 wav addition swap removal SUCCEED SUCCESS
"""

# Members whose numbers may be texts.
_AMOUNTS: Final = frozenset(
    [
        "pageNum",
        "pageSize",
        "final_unit_deduction",
        "amount",
        "quota",
        "list_price",
        "unit_before",
        "unit_after",
        "deduction",
        "deduction_amount",
        "mp3_duration",
        "wav_duration",
        "duration_mp3",
        "duration_wav",
        "fps",
        "width",
        "height",
        "face_id",
        "object_id",
    ]
)

_PATH_WORDS: Final = """
images audio general solutions lip-sync advanced-lip-sync identify-face avatar effects
multi-elements init-selection add-selection delete-selection clear-selection preview-selection
image-recognize text-to-audio video-to-audio tts custom-voices presets-voices delete-voices
advanced-custom-elements advanced-presets-elements delete-advanced-elements custom-elements
presets-elements delete-elements ai-multi-shot generations omni-image multi-image2image editing
expand kolors-virtual-try-on billing balance package virtual_try_on e-commerce clothing_dupe
goods_studio talking_agent drama_subtitle video2video motion-brush character face-swap omni edit
models callback test
"""

_MESSAGE_WORDS: Final = """
a add all am an and any api are as ask at be but by can did do due end few for get got had has her
his how id ids if in is it its kb key let low mb max may me min ms must my new no non nor not now of
off ok old on one only or our out own per px qps s see set she so sum the to too top try two up upon
url us use via was way we who why yet you brush camera discontinued mask masks motion part parts
retired simple trajectory wide able about above account actual after again aligned allowed already
also amount among another array aspect available balance base64 been before being below between
blank boolean bytes call cannot card check code combination common contact contain contains content
contents control could create current currently dangerous data database date days deleted different
directly does done double down duplicate duration each element elements empty enough error even
exceed exceeded exceeds exist exists expected expired external face failed failure false field file
files first float format found frame frames from general generate given good have height high http
https image images incorrect input inputs integer internal invalid item items json kind kling last
later length less letters limit limits list long longer make maximum media message minimum mode
model models more most name native need needed negative next none normal null number numbers object
objects once operation original other over pack package parallel param parameter parameters parse
pass path permission permitted pixel pixels place platform please point points policy positive
present prompt provide provided quality quota range rate ratio read received refer reference request
requested required resolve resolution resource resources result results retry risk same second
seconds server service session settings shot shots should side sides size some something sound
specified start state status string submit submitted support supported supports system task tasks
than that their them then there these they third this time times token tried true type types unable
under understand unknown unless until upload used user using valid value values version video videos
voice wait watermark went were what when where which while width with within without wrong your zero
"""

_MODEL: Final = re.compile(
    r"(?:kling|kolors)(?:-(?:v?\d{1,2}(?:[.-]\d{1,2})?|o\d{1,2}|video|image|long|omni|turbo|master|"
    r"flash|pro|std|lite|new|virtual|try|on)){0,8}"
)
_SETTING: Final = re.compile(r"[+-]?\d{1,6}(?:\.\d{1,6})?|\d{1,2}:\d{1,2}")
_EFFECT: Final = re.compile(r"[a-z0-9_]{1,40}")


class Vocabulary(NamedTuple):
    """The words that may stay.

    Attributes:
        values: Texts of bodies.
        fields: Names of fields.
        path: Parts of paths.
        words: Words of messages, in lower case.
    """

    values: frozenset[str]
    fields: frozenset[str]
    path: frozenset[str]
    words: frozenset[str]


@cache
def vocabulary() -> Vocabulary:
    """Return the words that may stay, from the emulator's records and from the lists here."""
    fields = [field for record in ENDPOINTS.values() for field in record.fields.all_fields()]
    names = {field.name for field in fields}
    enums = {value for field in fields for value in field.enum}
    paths = {part for served in ENDPOINTS.served for part in served.split("/")[1:]} - {"*"}
    used = {word.lower() for code in CODES.values() for word in re.findall(r"\w+", code.message)}
    return Vocabulary(
        values=frozenset(enums.union(ENDPOINTS.models, _VALUES.split())),
        fields=frozenset(names),
        path=frozenset(paths.union(_PATH_WORDS.split())),
        words=frozenset(used.union(_MESSAGE_WORDS.split(), (name.lower() for name in names))),
    )


def kind_of(name: str) -> ValueKind:
    """Return the kind of the values of a member called *name*."""
    lower = name.lower()
    by_name = _kinds().get(lower)
    if by_name is not None:
        return by_name
    if _SECRET.search(name) is not None or name.endswith(("Id", "Ids")):
        return "id"
    for ending, kind in _ENDINGS:
        if lower.endswith(ending):
            return kind
    return "callback" if "callback" in lower else "setting"


@cache
def _kinds() -> Mapping[str, ValueKind]:
    """Return the kinds of the names for which the whole name decides."""
    kinds: dict[str, ValueKind] = {name: kind for kind, names in _KINDS.items() for name in names}
    for record in ENDPOINTS.values():
        for field in record.fields.all_fields():
            if field.private:
                kinds[field.name] = "prompt"
    return kinds


def is_model(text: str) -> bool:
    """Return whether *text* has the form of the vendor's model names."""
    return _MODEL.fullmatch(text) is not None


def is_setting(text: str, name: str = "") -> bool:
    """Return whether *text* is a value that all accounts use: an enum, a number, a model.

    Args:
        name: The member or query parameter that has the value; "" if there is none, as in a
            message. In an unknown member, a text that is a number may be private.
    """
    if text in vocabulary().values or is_model(text):
        return True
    if name == "effect_scene":
        return _EFFECT.fullmatch(text) is not None
    known = not name or name in vocabulary().fields or name in _AMOUNTS
    return known and _SETTING.fullmatch(text) is not None
