"""The records of endpoints, and the objects by which requests to them are checked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from kling_mock.kling.endpoints.field_checks import FieldReader
from kling_mock.kling.endpoints.fields import NO_FIELDS, FieldShape
from kling_mock.kling.endpoints.typical_times import TYPICAL_SECONDS
from kling_mock.kling.model.accounts import Account
from kling_mock.kling.model.library import ItemKind, LibraryEntry, LibraryItems
from kling_mock.kling.model.plan import ONE_VIDEO, PackType, ParentVideo, Plan, Resulting
from kling_mock.kling.model.sessions import CallSession, Sessions
from kling_mock.kling.model.tasks import EmulatedTask, Tasks
from kling_mock.kling.wire.interface import EndpointRoute, Interface
from kling_mock.kling.wire.v1_schemas import PAGING
from kling_mock.web.facts import Fact
from kling_mock.web.openapi import Parameter, Schema
from kling_sdk.facts.prices import Per
from kling_sdk.facts.tables import USES


class Capability(NamedTuple):
    """The capability of one model on one endpoint in one mode.

    Attributes:
        model: The value of `model_name`; "" on an endpoint without models.
        mode: `std`, `pro`, `4k`, or `none` for a model without modes; for images the resolution.
        durations: Lengths in seconds that can be requested; none for images and sounds.
        features: What a request may use beyond a plain generation; names of fields, and
            `last_frame_only` (image_tail without image), `motion_brush` (the masks),
            `first_frame`, `end_frame`, `video_base`, `video_feature`, `character_element`.
        resolution: `720p`, `1080p` or `4k`; for images the largest: `1k`, `2k` or `4k`; `none`
            for endpoints that make only sounds.
        fps: Frames per second of the result: 24 or 30; 0 for images and sounds.
        fact: Where the row comes from.
        narrowed: Features that only some of the durations have.
    """

    model: str
    mode: str
    durations: tuple[int, ...]
    features: frozenset[str]
    resolution: str
    fps: int
    fact: Fact
    narrowed: Mapping[str, tuple[int, ...]] = MappingProxyType({})


class UnitPrice(NamedTuple):
    """One line of a price list.

    Attributes:
        amount: Units of the endpoint's kind of pack: one is 0.14 USD in a video pack, 0.0035 USD
            in an image pack.
        fact: Where the line comes from.
        per: The unit that the amount is for. Clips that are sold as 5 and 10 seconds cost the same
            per second in both lengths; with `5 seconds`, every started 5 seconds count.
    """

    amount: Decimal
    fact: Fact
    per: Per = "second"

    def units(self, seconds: int, results: int) -> Decimal:
        """Return the cost of a task that succeeds."""
        if self.per == "second":
            return self.amount * seconds
        if self.per == "5 seconds":
            return self.amount * -(-seconds // 5)
        return self.amount * results if self.per == "result" else self.amount


def _no_result(_result_id: str) -> Plan | None:
    return None


def _any_item(_task: EmulatedTask) -> bool:
    return True


def _no_session(_kind: str, _session_id: str) -> CallSession | None:
    return None


class CallContext(NamedTuple):
    """The context that a request is judged by, in addition to its body.

    Attributes:
        reader: Reads its fields, and collects the notes.
        name: The last part of the path, where the endpoint's path ends in a parameter.
        models: The models of all endpoints of the interface: one of another endpoint is refused
            differently.
        retired: Models and endpoints to refuse as the real service does.
        characters: Ids of the account's elements that are video characters.
        find_video: Returns the plan of the account's finished task whose result has this id.
        find_audio: Returns the same for a task that has sounds.
        find_session: Returns the account's session of a kind with this id, unless it has ended.
        find_item: Returns the task that has made a voice or element, whoever owns it and even if
            it is deleted; `None` if no library is known.
        may_use: Returns whether the account may name what such a task has made.
    """

    reader: FieldReader
    name: str = ""
    models: Collection[str] = ()
    retired: Collection[str] = ()
    characters: Collection[int] = ()
    find_video: Callable[[str], Plan | None] = _no_result
    find_audio: Callable[[str], Plan | None] = _no_result
    find_session: Callable[[str, str], CallSession | None] = _no_session
    find_item: Callable[[ItemKind, str], EmulatedTask | None] | None = None
    may_use: Callable[[EmulatedTask], bool] = _any_item

    def is_character(self, element_id: int | str) -> bool:
        """Return whether an element is a video character."""
        named = str(element_id)
        if named in map(str, self.characters):
            return True
        task = None if self.find_item is None else self.find_item("element", named)
        entry = None if task is None else task.plan.entry
        return entry is not None and entry.is_character


class CreateRequest(NamedTuple):
    """A create request whose fields are valid one by one, with its row of the capabilities.

    Attributes:
        record: The endpoint.
        fields: The fields of the request, without those that count as absent.
        capability: What the model can do on this endpoint in this mode.
        seconds: The length of the result.
        context: The context that the request is judged by.
    """

    record: EmulatedEndpoint
    fields: Mapping[str, Any]
    capability: Capability
    seconds: int
    context: CallContext

    @property
    def names(self) -> tuple[str, str, int]:
        """Model, mode and duration, as Kling's messages have them."""
        mode = str(self.fields.get(self.record.mode_field, self.record.default_mode))
        return self.capability.model, mode, self.seconds


class DirectCall(NamedTuple):
    """A call whose result is in the reply, without a task.

    Attributes:
        account: The caller.
        fields: The fields of the body, without those that count as absent; a GET has none.
        query: The query string.
        now: Unix seconds on the server's clock.
        tasks: All tasks.
        show: Returns a task of the caller as queries show it, and counts as one.
        context: The context that the fields are judged by.
        origin: Returns scheme, host and port that result URLs begin with.
        sessions: The sessions that such calls leave behind.
        library: The voices and elements.
        charge: Charges the price of the record, once the fields have proved valid; it raises a
            `Refusal` if the account may not have the result.
    """

    account: Account
    fields: Mapping[str, Any]
    query: str
    now: float
    tasks: Tasks
    show: Callable[[EmulatedTask], str]
    context: CallContext
    origin: Callable[[], str]
    sessions: Sessions
    library: LibraryItems
    charge: Callable[[], None]


class EmulatedLibrary(NamedTuple):
    """The library that keeps the results of an endpoint, and the calls for it.

    Attributes:
        kind: The kind of its items.
        presets_path: The path of the list of items that every account has.
        delete_paths: The paths of the calls that delete an item.
        entry: Works out the item that a task makes.
        fact: Where the two calls come from.
        max_page_size: The maximum number of tasks on a page of its lists.
    """

    kind: ItemKind
    presets_path: str
    delete_paths: tuple[str, ...]
    entry: Callable[[CreateRequest], LibraryEntry]
    fact: Fact
    max_page_size: int = 500

    @property
    def id_field(self) -> str:
        """The field of a delete request, such as `voice_id`."""
        return f"{self.kind}_id"


def _one_video(_request: CreateRequest) -> Resulting:
    return ONE_VIDEO


def _one_slot(_request: CreateRequest) -> int:
    return 1


def asked_for_sound(request: CreateRequest) -> bool:
    """Return whether the result has an audio track where the request says so."""
    return request.fields.get("sound") == "on"


def stated_aspect_ratio(request: CreateRequest) -> str:
    """Return the aspect ratio of the request, or the usual one."""
    return str(request.fields.get("aspect_ratio", "16:9"))


def listed_use(request: CreateRequest, **fields: Any) -> str:
    """Return the use that decides the price, by the rules of the price list.

    Args:
        request: The request.
        fields: What those rules read and the request has in another form.
    """
    fields = {**request.fields, **fields}
    for rule in USES.get(request.record.priced_as or request.record.name, ()):
        value = fields.get(rule.parameter)
        if value and value not in rule.off:
            return rule.use
    return "silent"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class EmulatedEndpoint:
    """One endpoint: the only record of everything known about it.

    Attributes:
        name: Its name: on /v1 the one that the client and the relay use too, and where the path
            names the model, the product's name with `model-path-` before it.
        interface: The form of its paths, requests and replies.
        path: The path of a create request or of a direct call. It may end in a parameter in
            braces.
        fact: Where the endpoint comes from.
        summary: One line for the OpenAPI document.
        fields: The fields of its body.
        examples: Bodies, by name, as the vendor's pages show them.
        prepare: Rewrites the valid fields, for a body that is not in the vocabulary of /v1 or
            that inherits from an earlier task.
        rules: The rules between fields, in the order in which they are checked.
        without_effect: The fields that a model accepts and does not use, by model.
        capabilities: A row per model and mode. An endpoint without models has one row, whose
            model is "" and whose mode is `none`.
        default_model: The model of a request without `model_name`.
        aliases: Names that mean a model of the table, where the path names the model.
        default_mode: The mode of a request without one.
        mode_field: The field that names the mode: `mode`, or `resolution` for images.
        parent_field: The field with the id of the earlier result that a request works on; "" if
            there is none.
        parent_video: Returns the earlier video that a request works on, where *parent_field* does
            not name one.
        sound: Works out whether the result has an audio track.
        shows_duration: Whether its videos say how long they are.
        shows_watermark: Whether replies say if there is a watermark.
        reports_end_only: Whether a report (callback) comes only when a task has ended.
        fixed_seconds: Returns the length of a result that does not depend on `duration`, or
            `None` for one that does.
        aspect_ratio: Works out the shape of the result.
        result: Works out the results of a task that succeeds: the lists of `task_result`, and
            how many items in each.
        pack: The kind of resource pack that pays for it.
        slots: Works out how many slots the task holds until it ends.
        priced_as: Its name in the price list, where it has another one there.
        prices: Prices by model, mode and use.
        use: Works out which of the prices applies.
        typical_seconds: Seconds from submitted to done, by model, for a clip of 5 seconds in
            mode std or without modes.
        library: The library of its results; `None` for an endpoint whose results are files.
        presets: The items of the same kind that every account has.
        behaviours: Other behaviours of the emulator, each with its source.
        method: The HTTP method of a direct call.
        reply: Makes the `data` of the reply, as JSON, where there is no task.
        parameters: The query parameters of a direct call.
        reply_schema: The `data` of its reply.
    """

    name: str
    interface: Interface
    path: str
    fact: Fact
    summary: str = "Create a task"
    fields: FieldShape = NO_FIELDS
    examples: Mapping[str, Any] = field(default_factory=dict[str, Any])
    # With a task
    prepare: Callable[[Mapping[str, Any], CallContext], Mapping[str, Any]] | None = None
    rules: tuple[Callable[[CreateRequest], None], ...] = ()
    without_effect: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict[str, tuple[str, ...]]
    )
    capabilities: tuple[Capability, ...] = ()
    default_model: str = ""
    aliases: Mapping[str, str] = field(default_factory=dict[str, str])
    default_mode: str = "none"
    mode_field: Literal["mode", "resolution"] = "mode"
    parent_field: str = ""
    parent_video: Callable[[Mapping[str, Any], CallContext], ParentVideo | None] | None = None
    sound: Callable[[CreateRequest], bool] = asked_for_sound
    shows_duration: bool = True
    shows_watermark: bool = True
    reports_end_only: bool = False
    fixed_seconds: Callable[[Mapping[str, Any], CallContext], int | None] | None = None
    aspect_ratio: Callable[[CreateRequest], str] = stated_aspect_ratio
    result: Callable[[CreateRequest], Resulting] = _one_video
    pack: PackType = "video"
    slots: Callable[[CreateRequest], int] = _one_slot
    priced_as: str = ""
    prices: Mapping[tuple[str, str, str], UnitPrice] = field(
        default_factory=dict[tuple[str, str, str], UnitPrice]
    )
    use: Callable[[CreateRequest], str] = listed_use
    typical_seconds: Mapping[str, float] = field(default_factory=lambda: TYPICAL_SECONDS)
    library: EmulatedLibrary | None = None
    presets: tuple[LibraryEntry, ...] = ()
    behaviours: tuple[tuple[str, Fact], ...] = ()
    # Without a task
    method: Literal["GET", "POST"] = "POST"
    reply: Callable[[DirectCall], str] | None = None
    parameters: tuple[Parameter, ...] = ()
    reply_schema: Schema = field(default_factory=dict[str, Any])
    # Worked out
    rows: Mapping[tuple[str, str], Capability] = field(init=False)
    modes: Mapping[str, tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        rows = {(row.model, row.mode): row for row in self.capabilities}
        modes: dict[str, tuple[str, ...]] = {}
        for model, mode in rows:
            modes[model] = (*modes.get(model, ()), mode)
        object.__setattr__(self, "rows", rows)
        object.__setattr__(self, "modes", modes)

    @property
    def makes_tasks(self) -> bool:
        """Whether a call makes a task."""
        return self.reply is None

    @property
    def units_per_call(self) -> Decimal:
        """The price of a direct call: the highest of its prices, or 0 without one."""
        prices = (price.amount for price in self.prices.values() if price.per == "call")
        return max(prices, default=Decimal(0))

    @property
    def models(self) -> tuple[str, ...]:
        """The models, in the order of the table."""
        return tuple(model for model in self.modes if model)

    @property
    def routes(self) -> tuple[EndpointRoute, ...]:
        """The calls that the endpoint takes."""
        if self.makes_tasks:
            return (*self.interface.task_routes(self.path), *self._library_routes)
        return (EndpointRoute(self.method, self.path, "reply"),)

    @property
    def _library_routes(self) -> tuple[EndpointRoute, ...]:
        if self.library is None:
            return ()
        deletes = (EndpointRoute("POST", path, "delete") for path in self.library.delete_paths)
        return (EndpointRoute("GET", self.library.presets_path, "presets"), *deletes)

    @property
    def max_page_size(self) -> int:
        """The maximum number of tasks on a page of its list."""
        return PAGING["pageSize"][1] if self.library is None else self.library.max_page_size
