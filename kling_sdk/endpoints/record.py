"""What is known of an endpoint, in one record beside its request class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple, get_type_hints

import attrs

from kling_sdk.endpoints.models import AVAILABILITY, Availability, ModelLimits

__all__ = [
    "WAIT_TIMEOUT",
    "ContentItem",
    "EndpointRecord",
    "InputLength",
    "Library",
    "Solution",
    "common_features",
]

ResultKind = Literal["videos", "images", "audios", "voices", "elements"]
SizeField = Literal["mode", "resolution"]
DurationType = Literal["text", "number"]

#: Seconds that a wait may take where nothing else is known: videos were seen to take an hour.
WAIT_TIMEOUT: Final = 7200.0

#: Parameters that are features of a model by their own name when they are given.
_FEATURES: Final = (
    "negative_prompt",
    "aspect_ratio",
    "camera_control",
    "element_list",
    "voice_list",
)


def common_features(given: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a request asks for, in the words of `ModeLimits`."""
    for name in _FEATURES:
        if given.get(name):
            yield name
    if given.get("cfg_scale") is not None:
        yield "cfg_scale"
    if given.get("sound") == "on":
        yield "sound"
    if given.get("audio") == "original":
        yield "keep_original_sound"
    camera = given.get("camera_control")
    if camera and camera.type != "simple":
        yield "camera_move"
    if given.get("multi_shot"):
        yield "multi_shot"
        if given.get("shot_type") != "intelligence":
            yield "own_shots"


class InputLength(NamedTuple):
    """That a result is as long as something that the request brings.

    Attributes:
        what: The input, such as `sound`.
        longest: Seconds that it may have.
    """

    what: str
    longest: int


class Library(NamedTuple):
    """That the results of an endpoint stay, and what can be done with them.

    Attributes:
        item: What there are: `voice` or `element`.
        presets: The path that lists those of the vendor.
        delete: The path that deletes one.
        max_page_size: Tasks on a page, at most.
    """

    item: str
    presets: str
    delete: str
    max_page_size: int = 500

    @property
    def id_field(self) -> str:
        """The key of an item's id, such as `voice_id`."""
        return f"{self.item}_id"


class ContentItem(NamedTuple):
    """That a parameter is sent in `contents`.

    Attributes:
        parameter: The parameter. Of a list each member is an item.
        type: The type of an item.
        key: Where an item has the value: `url`, `text` or `voice_id`; "" for an object whose own
            members an item has.
    """

    parameter: str
    type: str
    key: str


class Solution(NamedTuple):
    """How the body of an endpoint under `/solutions` is written: what is no content is a setting.

    Attributes:
        contents: What is sent in `contents`, in this order.
        watermark: What `options` calls `watermark_info`; "" if it has none.
    """

    contents: tuple[ContentItem, ...]
    watermark: str = "watermark"


def _no_problems(_given: Mapping[str, Any]) -> Iterable[Any]:
    return ()


@attrs.frozen(eq=False)
class EndpointRecord:
    """One endpoint of the vendor's API.

    Attributes:
        name: As in `Task.endpoint`, `kling create NAME` and the paths of a relay.
        path: Path under the base URL: POST creates, GET lists, GET `path/{id}` reads.
        product: The first part of its path on the interface that has the model in the path, such
            as `text-to-video`; "" when that does not serve it.
        interface: At which of the vendor's interfaces its tasks are asked for: a key of
            `kling_sdk.wire.WIRES`. A task that says its own is asked for there.
        result: What a finished task has, by the attribute of `Task`; of a call that answers at
            once, what of it can be downloaded.
        returns: None for an endpoint that makes a task. Otherwise the call answers at once, and
            this makes its result of the reply's payload: its return annotation is the type
            that editors are shown.
        method_of: The endpoint whose resource has this call as a method, such as
            `kling.multi_elements.init_selection(...)`; "" for one that is a resource itself. Only
            of calls that answer at once.
        wait_timeout: Seconds that a wait for a task may take when `Options.wait_timeout` is None.
            The vendor states no limit: it is twice the longest that was seen (medium confidence).
        takes_external_id: Whether a create can carry an `external_task_id`. Without one it is
            sent once, and a lost reply cannot be asked for.
        input_length: What the result is as long as, where no `duration` says it; else None.
        library: None for an endpoint whose results are files. Otherwise they stay in a library of
            the account, which requests name them from.
        solution: How its body is written, of an endpoint under `/solutions`; else None.
        models: The limits of each model; empty for an endpoint that takes no model.
        default_model: The model that a request without one gets, which is always sent: the
            vendor's own default may be discontinued. "" for an endpoint that takes no model.
        default_mode: The mode the vendor uses when none is sent.
        size_field: What /v1 calls the size: `mode` (of videos; `resolution` is another name of
            ours for it) or `resolution` (of pictures: `1k`, `2k`, `4k`). In `models` its values
            are the modes.
        duration_type: How the body has `duration`: as `text` (of videos) or as `number`.
        features: Yields what a request asks for, in the words of `ModeLimits`.
        feature_fields: The parameter to name when a feature is refused, where it is not the
            feature's own name.
        situations: Features that are never refused themselves; limits refer to them.
        problems: Yields each `capabilities.Problem` that a request has beyond the limits of
            its model.
    """

    name: str
    path: str
    product: str = ""
    interface: str = "v1"
    result: ResultKind = "videos"
    returns: Callable[[Any], Any] | None = None
    method_of: str = ""
    wait_timeout: float = WAIT_TIMEOUT
    takes_external_id: bool = True
    input_length: InputLength | None = None
    library: Library | None = None
    solution: Solution | None = None
    models: tuple[ModelLimits, ...] = ()
    default_model: str = ""
    default_mode: str = "std"
    size_field: SizeField = "mode"
    duration_type: DurationType = "text"
    features: Callable[[Mapping[str, Any]], Iterable[str]] = common_features
    feature_fields: Mapping[str, str] = attrs.field(factory=dict[str, str])
    situations: frozenset[str] = frozenset()
    problems: Callable[[Mapping[str, Any]], Iterable[Any]] = _no_problems

    @property
    def attribute(self) -> str:
        """The client's attribute: `omni_video`, `multi_elements.init_selection`, `solutions.x`."""
        own = f"{self.method_of}.{self.name}" if self.method_of else self.name
        if self.solution is not None:
            own = own.replace("-", ".", 1)
        return own.replace("-", "_")

    @property
    def takes_prepared(self) -> str:
        """The call of a client that takes a prepared request, as errors name it."""
        own = "(...)" if self.method_of else ".submit(request)"
        return f"kling.{self.attribute}{own}"

    @property
    def result_type(self) -> Any:
        """The type of the result of a call that answers at once."""
        hints = {} if self.returns is None else get_type_hints(self.returns)
        return hints.get("return", Any)

    @property
    def not_taken(self) -> frozenset[str]:
        """The parameters of every request that this endpoint does not take."""
        without_id = frozenset() if self.takes_external_id else frozenset({"external_task_id"})
        if self.solution is not None:  # it has an interface of its own
            return without_id | {"interface"}
        # What makes no task reports none, and is on one interface.
        return without_id if self.returns is None else without_id | {"callback_url", "interface"}

    @property
    def is_on_relays(self) -> bool:
        """Whether a relay serves it: tasks whose results are the caller's own."""
        return not self.not_on_relays

    @property
    def not_on_relays(self) -> str:
        """Why a relay does not serve it; "" for what it serves.

        A library is one account's: with several channels a relay could not say whose, and its
        users would see and delete each other's items.
        """
        if self.returns is not None:
            return "makes no task, and a relay serves tasks only"
        if self.library is not None:
            return "is a library of one account, and a relay may have several"
        return "is not served by a relay" if self.solution is not None else ""

    def limits_of(self, model: str) -> ModelLimits | None:
        """Return what is known of a model; None when nothing is."""
        return next((one for one in self.models if one.name == model), None)

    def availability_of(self, model: str) -> Availability | None:
        """Return that a model, or the whole endpoint, may have gone; None if nothing was seen.

        Refusals of models were seen on video endpoints; one of the same name makes pictures still.
        """
        of_model = AVAILABILITY.get(model) if self.result == "videos" else None
        return of_model or AVAILABILITY.get(self.name)

    @property
    def model_names(self) -> tuple[str, ...]:
        """The models that are known."""
        return tuple(model.name for model in self.models)

    def __repr__(self) -> str:
        return f"<endpoint {self.name}>"
