"""The record of an endpoint: what is known of it, beside its request class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple, get_type_hints

import attrs

from kling_sdk.endpoints.interfaces import one_vocabulary
from kling_sdk.endpoints.models import AVAILABILITY, Availability, ModelLimits
from kling_sdk.facts.fields import FieldFacts
from kling_sdk.facts.prices import Use
from kling_sdk.facts.solutions import SolutionFacts

__all__ = [
    "WAIT_TIMEOUT",
    "ContentItem",
    "EndpointRecord",
    "InputLength",
    "Library",
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


def common_features(parameters: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a request asks for, in the words of `ModeLimits`."""
    for name in _FEATURES:
        if parameters.get(name):
            yield name
    if parameters.get("cfg_scale") is not None:
        yield "cfg_scale"
    if parameters.get("sound") == "on":
        yield "sound"
    if parameters.get("audio") == "original":
        yield "keep_original_sound"
    camera = parameters.get("camera_control")
    if camera and camera.type != "simple":
        yield "camera_move"
    if parameters.get("multi_shot"):
        yield "multi_shot"
        if parameters.get("shot_type") != "intelligence":
            yield "own_shots"


class InputLength(NamedTuple):
    """The input of a request that sets the length of its result.

    Attributes:
        what: The input, such as `sound`.
        longest: Its maximum length in seconds.
    """

    what: str
    longest: int


class Library(NamedTuple):
    """The library in which the results of an endpoint stay, and its calls.

    Attributes:
        item: What it contains: `voice` or `element`.
        presets: The path that lists the vendor's own items.
        delete: The path that deletes an item.
        max_page_size: Maximum number of tasks on a page.
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
    """A parameter that is sent in `contents`.

    Attributes:
        parameter: The parameter. Each member of a list is an item.
        type: The type of an item.
        key: Where an item has the value: `url`, `text` or `voice_id`; "" for an object whose own
            members an item has.
    """

    parameter: str
    type: str
    key: str


def _refer_type(video: Any) -> Any:
    if isinstance(video, Mapping):
        return video.get("refer_type")
    return getattr(video, "refer_type", None)


def _no_problems(_parameters: Mapping[str, Any]) -> Iterable[Any]:
    return ()


@attrs.frozen(eq=False)
class EndpointRecord:
    """One endpoint of the vendor's API.

    Attributes:
        name: As in `Task.endpoint`, `kling create NAME` and the paths of a relay.
        path: Path under the base URL: POST creates, GET lists, GET `path/{id}` reads.
        fields: The fields of its body on /v1, or the settings of one under `/solutions`: what a
            parameter of the same name is checked by, unless its class has a check of its own.
        product: The first part of its path on the interface that has the model in the path, such
            as `text-to-video`; "" when that does not serve it.
        interface: The vendor's interface at which its tasks are queried: a key of
            `kling_sdk.wire.WIRES`. A task that says its own is queried there.
        result: What a finished task has, by the attribute of `Task`; of a call that answers at
            once, what of it can be downloaded.
        returns: None for an endpoint that makes a task. Otherwise the call answers at once, and
            this makes its result of the response's payload: its return annotation is the type
            that editors are shown.
        method_of: The endpoint whose resource has this call as a method, such as
            `kling.multi_elements.init_selection(...)`; "" for one that is a resource itself. Only
            of calls that answer at once.
        wait_timeout: Seconds that a wait for a task may take when `Options.wait_timeout` is None.
            The vendor states no limit: the value is twice the longest wait that was seen (medium
            confidence).
        takes_external_id: Whether a create can carry an `external_task_id`. Without one it is
            sent once, and the outcome after a lost response cannot be looked up.
        input_length: The input that sets the length of the result, where there is no `duration`;
            else None.
        edited: The parameter whose videos are edited, so that the result is as long as they are,
            whatever `duration` says; one of `refer_type` `feature` is not. "" without one.
        default_seconds: The length of a video whose request has no `duration`.
        library: None for an endpoint whose results are files. Otherwise they stay in a library of
            the account, which requests name them from. With `returns`, its lists have the items
            themselves, not tasks.
        solution: What the body of an endpoint under `/solutions` may have; else None.
        contents: What is sent in `contents`, in this order, of an endpoint under `/solutions` or
            on the interface with the model in the path. A parameter that is not a content is a
            setting there.
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
    fields: tuple[FieldFacts, ...] = ()
    product: str = ""
    interface: str = "v1"
    result: ResultKind = "videos"
    returns: Callable[[Any], Any] | None = None
    method_of: str = ""
    wait_timeout: float = WAIT_TIMEOUT
    takes_external_id: bool = True
    input_length: InputLength | None = None
    edited: str = ""
    default_seconds: int = 5  # the vendor's pages, several agree
    library: Library | None = None
    solution: SolutionFacts | None = None
    contents: tuple[ContentItem, ...] = ()
    models: tuple[ModelLimits, ...] = ()
    default_model: str = ""
    default_mode: str = "std"
    size_field: SizeField = "mode"
    duration_type: DurationType = "text"
    features: Callable[[Mapping[str, Any]], Iterable[str]] = common_features
    feature_fields: Mapping[str, str] = attrs.field(factory=dict[str, str])
    situations: frozenset[str] = frozenset()
    problems: Callable[[Mapping[str, Any]], Iterable[Any]] = _no_problems
    _limits: Mapping[str, ModelLimits] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        limits = {limits.name: limits for limits in self.models}
        object.__setattr__(self, "_limits", limits)  # attrs' own way to complete a frozen instance

    @property
    def attribute(self) -> str:
        """The client's attribute: `omni_video`, `multi_elements.init_selection`, `solutions.x`."""
        own = f"{self.method_of}.{self.name}" if self.method_of else self.name
        if self.solution is not None:
            own = own.replace("-", ".", 1)
        return own.replace("-", "_")

    @property
    def sending_method(self) -> str:
        """The method of its resource that sends a request, made of parameters, once."""
        return "create" if self.returns is None or self.library is not None else "call"

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
            return "does not make a task, and a relay serves only tasks"
        if self.library is not None:
            return "is a library of one account, and a relay may have several"
        return "is not served by a relay" if self.solution is not None else ""

    @property
    def max_files(self) -> float:
        """How many files a request may hold as base64; infinite where it has lists of them."""
        from kling_sdk.endpoints import request_class
        from kling_sdk.endpoints.media_fields import max_files

        return max_files(request_class(self.name))

    def use_of(self, parameters: Mapping[str, Any]) -> Use | None:
        """Return what else than model, mode and length decides the price; None if unknown.

        Args:
            parameters: Of a request, in the words of either interface.
        """
        from kling_sdk.facts.tables import USES  # slow: it loads every product

        fields = one_vocabulary(parameters)
        for rule in USES.get(self.name, ()):
            value = fields.get(rule.parameter)
            if value and value not in rule.off:
                return rule.use if not rule.on or value in rule.on else None
        return "silent"

    def edits_a_video(self, parameters: Mapping[str, Any]) -> bool:
        """Return whether the result is as long as an input video.

        Args:
            parameters: Of a request, as objects or as JSON. What is no list of videos counts as
                one that is edited: it may be.
        """
        videos = parameters.get(self.edited)
        if not isinstance(videos, (list, tuple)):
            return bool(videos)
        return any(_refer_type(video) != "feature" for video in videos)

    def limits_of(self, model: str) -> ModelLimits | None:
        """Return what is known of a model; None when nothing is."""
        return self._limits.get(model)

    def availability_of(self, model: str) -> Availability | None:
        """Return that a model, or the whole endpoint, may have gone; None if nothing was seen.

        Refusals of models were seen on video endpoints; one of the same name still makes pictures.
        """
        of_model = AVAILABILITY.get(model) if self.result == "videos" else None
        return of_model or AVAILABILITY.get(self.name)

    @property
    def model_names(self) -> tuple[str, ...]:
        """The models that are known."""
        return tuple(self._limits)

    def __repr__(self) -> str:
        return f"<endpoint {self.name}>"
