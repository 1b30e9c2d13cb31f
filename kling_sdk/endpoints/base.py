"""The base of requests: the common fields, and errors that name a parameter."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from inspect import Parameter, Signature, cleandoc
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

import attrs

from kling_sdk.endpoints import checks
from kling_sdk.endpoints._index import MODELS
from kling_sdk.endpoints.converters import to_extra_body, to_watermark
from kling_sdk.endpoints.interfaces import Interface, check_agreement
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.endpoints.values import hider_of, media
from kling_sdk.errors import RequestValidationError
from kling_sdk.facts.limits import MAX_PROMPT
from kling_sdk.text.hidden import private, private_texts
from kling_sdk.text.spelling import nearest

__all__ = ["Request", "VideoRequest", "check_external_id", "documentation", "example", "positional"]

#: Each yields what is wrong with a request: the parameter, the limit, what is accepted.
Rules = tuple[Callable[[Any], checks.Problems], ...]

# The vendor documents no limit; longer ids are refused here because a URL path carries them.
MAX_EXTERNAL_ID = 200


def _keys_repr(value: Mapping[str, Any] | None) -> str:
    return repr(value and f"<{', '.join(value)}>")  # the values may be private


if TYPE_CHECKING:
    _RequestType = type
else:

    class _RequestType(type):
        """Turns a misspelt or missing parameter into an error that says what was meant."""

        def __call__(cls, *args: Any, **parameters: Any) -> Any:
            if args:
                raise positional(f"{cls.__name__}({example(cls)})")
            own = _parameters(cls)
            parameters = {
                name: own.hiders.get(name, private)(value) for name, value in parameters.items()
            }
            if parameters.get("check") is False:
                return _unchecked(cls, parameters)
            for name, value in parameters.items():
                if name not in own.hiders or (name in own.not_taken and value is not None):
                    raise _unknown(cls, name)
            for name in own.needed:
                if name not in parameters:
                    raise RequestValidationError(name, "is missing", "a value")
            return super().__call__(**parameters)

        @property
        def __signature__(cls) -> Signature:
            # Fields of the endpoint first, those all endpoints share last.
            init = Signature.from_callable(cls.__init__).parameters
            return Signature(
                [init[name].replace(kind=Parameter.KEYWORD_ONLY) for name in _names(cls)],
                return_annotation=cls,
            )


class _Parameters(NamedTuple):
    """The parameters of a request class.

    Attributes:
        hiders: What hides the values of each.
        not_taken: Those that the endpoint does not take.
        needed: Those without a default.
        vendors: Those that are fields of the vendor's.
    """

    hiders: Mapping[str, Callable[[Any], Any]]
    not_taken: frozenset[str]
    needed: tuple[str, ...]
    vendors: tuple[str, ...]


@cache
def _parameters(cls: Any) -> _Parameters:
    fields = attrs.fields(cls)
    record: EndpointRecord | None = getattr(cls, "record", None)  # `Request` itself has none
    return _Parameters(
        {field.name: hider_of(field) for field in fields},
        frozenset() if record is None else record.not_taken,
        tuple(field.name for field in fields if field.default is attrs.NOTHING),
        tuple(field.name for field in fields if field.name not in _OURS),
    )


def _names(cls: type) -> list[str]:
    not_taken = _parameters(cls).not_taken
    return [
        field.name
        for field in sorted(attrs.fields(cls), key=lambda field: field.inherited)
        if field.name not in not_taken
    ]


def positional(advice: str) -> RequestValidationError:
    """Return the error for parameters without names."""
    return RequestValidationError(
        "request",
        "has a positional argument",
        "parameters by name",
        f"parameters are given by name: {advice}",
    )


def example(cls: type[Request]) -> str:
    """Return the arguments of the shortest call of a request class."""
    fields = [attrs.fields_dict(cls)[name] for name in _names(cls)]
    needed = [field for field in fields if field.default is attrs.NOTHING] or fields[:1]
    return ", ".join(
        f"{field.name}=[...]" if str(field.type).startswith("tuple") else f'{field.name}="..."'
        for field in needed
    )


def _unknown(cls: type, name: str) -> RequestValidationError:
    names = ", ".join(_names(cls))
    suggestion = nearest(name, _names(cls))
    hint = f"did you mean {suggestion!r}?" if suggestion else f"{cls.__name__} takes {names}"
    text = f"unknown parameter {name!r:.60}; {hint}"
    return RequestValidationError(name, "is unknown", names, text)


#: Our own parameters, which are not fields of the vendor.
_OURS: Final = frozenset({"check", "interface"})

# A lost create is found again by its external id, so these two are checked in any case.
_ALWAYS_CHECKED: Final = frozenset({"external_task_id", "extra_body"})


def _unchecked(cls: type[Request], parameters: Mapping[str, Any]) -> Request:
    """Return a request for which only this is checked: whether JSON can carry it.

    A value that cannot be converted is sent as it is, and anything that is not a parameter goes to
    `extra_body`.
    """
    fields = attrs.fields_dict(cls)
    unknown = {name: value for name, value in parameters.items() if name not in fields}
    parameters = {
        **parameters,
        "extra_body": unknown | (to_extra_body(parameters.get("extra_body")) or {}),
    }
    request = cls.__new__(cls)
    for name, field in fields.items():
        value = parameters[name] if name in parameters else _default(field)
        convert: Any = field.converter
        if convert is not None:
            try:
                value = convert(value)
            except RequestValidationError:
                if name in _ALWAYS_CHECKED or not checks.is_json(value):
                    raise
                # So that a tuple holds converted values only.
                value = list(value) if isinstance(value, tuple) else value
        if name in _ALWAYS_CHECKED and field.validator is not None:
            field.validator(request, field, value)
        object.__setattr__(request, name, value)  # attrs' own way to set up a frozen instance
    request._complete()  # noqa: SLF001 - as its constructor does
    return request


def _default(field: Any) -> Any:
    make = getattr(field.default, "factory", None)  # of the caller's own request class
    if make is not None:
        return make()
    return None if field.default is attrs.NOTHING else field.default


_check_text: Final = checks.text()


def _external_id(request: Request, attribute: Any, value: object) -> None:
    _check_text(request, attribute, value)
    if isinstance(value, str):
        check_external_id(value)


def check_external_id(value: str) -> None:
    """Raise `RequestValidationError` if *value* cannot be one segment of a URL path.

    For every model, known or not: a lost create could not be looked up.
    """
    if len(value) > MAX_EXTERNAL_ID:
        raise RequestValidationError(
            "external_task_id",
            f"has {len(value)} characters",
            f"at most {MAX_EXTERNAL_ID} characters",
        )
    if not value.strip(". ") or any(mark in value for mark in "/?#"):
        raise RequestValidationError(
            "external_task_id",
            "is empty or contains one of / ? #",
            "an id that can stand in a URL path",
        )


def documentation(cls: type[Request]) -> dict[str, str]:
    """Return what a request class's docstring says about each parameter, as plain text."""
    attributes = cleandoc(cls.__doc__ or "").partition("Attributes:\n")[2].partition("\nRaises")[0]
    matches = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE)
    return {name: " ".join(text.replace("`", "").split()) for name, text in matches}


@attrs.frozen(kw_only=True)
class Request(metaclass=_RequestType):
    """The parameters that the endpoints of every product take.

    Attributes:
        external_task_id: Your own id of the task, unique in the account; a repeat under
            the same id never makes a second task. None lets the client generate one.
        callback_url: Where the vendor posts each change of status: an http(s) URL.
        extra_body: Further fields of the body, by the vendor's names: for what this package
            does not know yet. They are merged in last, and `external_id_for` counts them.
        interface: `v1` or `model-path`: which of the vendor's interfaces takes the request. None:
            the one that the model's name belongs to. Without effect on a relay.
        check: False to check nothing: values are sent as they are, and a parameter that is not
            known here is sent as a field of the body. A client made with `check=False` does this
            for all its requests.
    """

    record: ClassVar[EndpointRecord]
    rules: ClassVar[Rules] = ()

    external_task_id: str | None = attrs.field(default=None, validator=_external_id)
    callback_url: str | None = attrs.field(default=None, validator=checks.web_url, repr=media)
    extra_body: Mapping[str, Any] | None = attrs.field(
        default=None, converter=to_extra_body, repr=_keys_repr, hash=False
    )
    interface: Interface | None = attrs.field(
        default=None, validator=checks.one_of(Interface, for_any_model=True), repr=False
    )
    check: bool = attrs.field(default=True, validator=checks.flag, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        self._complete()
        if getattr(self, "resolution", None) or getattr(self, "audio", None):
            videos = getattr(self, "video_list", None) or ()
            check_agreement(self.parameters(), [video.keep_original_sound for video in videos])
        if self.has_known_limits:
            for rule in type(self).rules:
                checks.raise_first(rule(self))

    def _complete(self) -> None:
        """Fill in what the endpoint needs and the caller has left out."""

    @property
    def endpoint(self) -> str:
        """The endpoint's name, such as `text2video`."""
        return self.record.name

    @property
    def model(self) -> str:
        """The model, or "" for an endpoint that takes none."""
        name = getattr(self, "model_name", "")
        return name if isinstance(name, str) else ""

    @property
    def prompt_limit(self) -> int:
        """The longest prompt that its model takes, in characters."""
        limits = self.record.limits_of(self.model)
        return MAX_PROMPT if limits is None else limits.prompt_max

    @property
    def has_known_limits(self) -> bool:
        """Whether limits can be checked: a model that no endpoint knows may take more."""
        model = self.model
        return not model or model in MODELS or self.record.limits_of(model) is not None

    def prompts(self) -> tuple[str, ...]:
        """Return all its private texts, which no log and no error may quote."""
        return tuple(private_texts(self))

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of the vendor's that are not None, as they are held."""
        return {
            name: value
            for name in _parameters(type(self)).vendors
            if (value := getattr(self, name)) is not None
        }


@attrs.frozen(kw_only=True)
class VideoRequest(Request):
    """The parameters that every video endpoint with a model takes.

    Attributes:
        model_name: The model; each endpoint's class has its own default.
        external_task_id: Your own id of the task, unique in the account; a repeat under
            the same id never makes a second task. None lets the client generate one.
        callback_url: Where the vendor posts each change of status: an http(s) URL.
        extra_body: See `Request`.
        interface: See `Request`.
        check: See `Request`.
        watermark_info: True to get a second copy with a watermark; the vendor's object
            `{"enabled": true}` is taken too.
    """

    model_name: str = attrs.field(validator=checks.required_text())
    watermark_info: bool | None = attrs.field(
        default=None, converter=to_watermark, validator=checks.flag
    )
