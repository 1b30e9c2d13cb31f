"""What requests share: the common fields, and errors that name a parameter."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from inspect import Parameter, Signature, cleandoc
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from kling_sdk.endpoints import checks, is_known
from kling_sdk.endpoints.converters import to_watermark
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.errors import RequestValidationError
from kling_sdk.results import redact_url

__all__ = ["Request", "VideoRequest", "check_external_id", "documentation"]

Rules = tuple[Callable[[Any], None], ...]

# The vendor documents no limit; longer ids are refused here because a URL path carries them.
MAX_EXTERNAL_ID = 200


def _callback_repr(value: str | None) -> str:
    return repr(value and redact_url(value))


if TYPE_CHECKING:
    _RequestType = type
else:

    class _RequestType(type):
        """Turns a misspelt or missing parameter into an error that lists the right ones."""

        def __call__(cls, *args: Any, **given: Any) -> Any:
            if args:
                raise RequestValidationError(
                    "request", "has a positional argument", f"by name: {', '.join(_names(cls))}"
                )
            fields = attrs.fields_dict(cls)
            for name in given:
                if name not in fields:
                    raise RequestValidationError(name, "is unknown", ", ".join(_names(cls)))
            for name, field in fields.items():
                if field.default is attrs.NOTHING and name not in given:
                    raise RequestValidationError(name, "is missing", "a value")
            return super().__call__(**given)

        @property
        def __signature__(cls) -> Signature:
            # Fields of the endpoint first, those all endpoints share last.
            init = Signature.from_callable(cls.__init__).parameters
            return Signature(
                [init[name].replace(kind=Parameter.KEYWORD_ONLY) for name in _names(cls)],
                return_annotation=cls,
            )


def _names(cls: type) -> list[str]:
    return [field.name for field in sorted(attrs.fields(cls), key=lambda field: field.inherited)]


def _external_id(request: Request, attribute: Any, value: object) -> None:
    checks.text(MAX_EXTERNAL_ID)(request, attribute, value)
    if isinstance(value, str):
        check_external_id(value)


def check_external_id(value: str) -> None:
    """Raise `RequestValidationError` if *value* cannot stand in a URL path as one segment."""
    if value == "" or any(mark in value for mark in "/?#"):
        raise RequestValidationError(
            "external_task_id",
            "is empty or holds one of / ? #",
            "an id that can stand in a URL path",
        )


def documentation(cls: type[Request]) -> dict[str, str]:
    """Return what a request class's docstring says about each parameter, as plain text."""
    attributes = cleandoc(cls.__doc__ or "").partition("Attributes:\n")[2].partition("\nRaises")[0]
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE)
    return {name: " ".join(text.replace("`", "").split()) for name, text in found}


@attrs.frozen(kw_only=True)
class Request(metaclass=_RequestType):
    """The parameters that the endpoints of every product take.

    Attributes:
        external_task_id: Your own id of the task, unique in the account; a repeat under
            the same id never makes a second task. None lets the client generate one.
        callback_url: Where the vendor posts each change of status.
    """

    record: ClassVar[EndpointRecord]
    rules: ClassVar[Rules] = ()

    external_task_id: str | None = attrs.field(default=None, validator=_external_id)
    callback_url: str | None = attrs.field(
        default=None, validator=checks.text(), repr=_callback_repr
    )

    def __attrs_post_init__(self) -> None:
        if self.has_known_limits:
            for rule in type(self).rules:
                rule(self)

    @property
    def endpoint(self) -> str:
        """The endpoint's name, such as `text2video`."""
        return self.record.name

    @property
    def model(self) -> str:
        """The model, or "" for an endpoint that takes none."""
        name: str = getattr(self, "model_name", "")
        return name

    @property
    def has_known_limits(self) -> bool:
        """Whether limits can be checked: a model that no endpoint knows may take more."""
        return not self.model or is_known(self.model) or self.model in self.record.model_names

    def prompts(self) -> tuple[str, ...]:
        """Return all its prompts: what no log and no error may quote."""
        texts = [getattr(self, name, None) for name in ("prompt", "negative_prompt")]
        texts += [shot.prompt for shot in getattr(self, "multi_prompt", None) or ()]
        return tuple(text for text in texts if text)

    def given(self) -> Mapping[str, Any]:
        """Return the fields that are not None, as they are held."""
        return {
            field.name: value
            for field in attrs.fields(type(self))
            if (value := getattr(self, field.name)) is not None
        }


@attrs.frozen(kw_only=True)
class VideoRequest(Request):
    """The parameters that every video endpoint with a model takes.

    Attributes:
        model_name: The model; each endpoint's class has its own default.
        external_task_id: Your own id of the task, unique in the account; a repeat under
            the same id never makes a second task. None lets the client generate one.
        callback_url: Where the vendor posts each change of status.
        watermark_info: True to get a second copy with a watermark; the vendor's object
            `{"enabled": true}` is taken too.
    """

    model_name: str = attrs.field(validator=checks.required_text(200))
    watermark_info: bool | None = attrs.field(
        default=None, converter=to_watermark, validator=checks.flag
    )
