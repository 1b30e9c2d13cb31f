"""The resources as attributes of a client.

Type checkers see each resource as a class of `kling_sdk.client.signatures`, which is generated from
the request classes. At run time each resource gets its own copy of `create` and `run` (or `call`)
with the request's signature and documentation, so that `help()` shows them.
"""

from __future__ import annotations

import types
from functools import cache
from inspect import Parameter, Signature, cleandoc, signature
from typing import TYPE_CHECKING, Any

from kling_sdk.client.calls import AsyncCallResource, CallResource
from kling_sdk.client.resources import AsyncTaskResource, TaskResource, aside
from kling_sdk.client.runner import SyncRunner
from kling_sdk.endpoints import CLASSES, METHODS, request_class
from kling_sdk.options import CALL_OPTIONS
from kling_sdk.results.task import Task
from kling_sdk.text.hidden import hide

if TYPE_CHECKING:
    from kling_sdk.endpoints.base import Request


@cache
def _shaped(base: Any, cls: type[Request]) -> type[Any]:
    """Return *base* with methods whose parameters are those of the request class."""
    names = list(signature(cls).parameters.values())
    names += [
        Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in CALL_OPTIONS.items()
    ]
    namespace: dict[str, Any] = {"__module__": base.__module__, "__doc__": base.__doc__}
    for name in {"create", "run", "call"} & {*dir(base)}:
        function = getattr(base, name)
        copy = types.FunctionType(
            function.__code__, function.__globals__, name, None, function.__closure__
        )
        own = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
        shaped: Any = copy
        returns = Task if cls.record.returns is None else cls.record.result_type
        shaped.__signature__ = Signature([own, *names], return_annotation=returns)
        shaped.__doc__ = f"{cleandoc(function.__doc__ or '')}\n\n{cleandoc(cls.__doc__ or '')}"
        shaped.__qualname__ = function.__qualname__
        shaped.__module__ = function.__module__
        namespace[name] = shaped
    for name in METHODS.get(cls.record.name, ()):
        method = _method(request_class(name), is_async=issubclass(base, AsyncTaskResource))
        namespace[method.__name__] = method
    return type(base.__name__, (base,), namespace)


def _method(cls: type[Request], *, is_async: bool) -> Any:
    """Return the method that a call without a task becomes on another endpoint's resource."""
    shaped = _shaped(AsyncCallResource if is_async else CallResource, cls)

    def sync_method(self: Any, *args: Any, **parameters: Any) -> Any:
        resource = shaped(self._runner, cls)
        args = args and hide(args)
        request, options = resource._prepared("call", args, parameters)  # noqa: SLF001 - our own
        return resource.submit(request, **options)

    async def async_method(self: Any, *args: Any, **parameters: Any) -> Any:
        resource = shaped(self._runner, cls)
        args = args and hide(args)
        request, options = await aside(resource, "call", args, parameters)
        return await resource.submit(request, **options)

    method: Any = async_method if is_async else sync_method
    method.__signature__, method.__doc__ = signature(shaped.call), shaped.call.__doc__
    method.__name__ = method.__qualname__ = cls.record.name.replace("-", "_")
    return method


def make_resource(client: Any, cls: type[Request]) -> Any:
    """Return the resource of a client for a request class, which may be one of your own."""
    is_sync = isinstance(client._runner, SyncRunner)  # noqa: SLF001 - the client's own
    makes_task = cls.record.returns is None
    base: Any
    if cls.record.library is not None:
        from kling_sdk.client import libraries

        kind = "LibraryResource" if makes_task else "ElementLibraryResource"
        base = getattr(libraries, kind if is_sync else f"Async{kind}")
    elif is_sync:
        base = TaskResource if makes_task else CallResource
    else:
        base = AsyncTaskResource if makes_task else AsyncCallResource
    return _shaped(base, cls)(client._runner, cls)  # noqa: SLF001 - the client's own


class _Attribute:
    """A resource as attribute of a client, made when it is first used."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, client: Any, owner: type | None = None) -> Any:
        if client is None:  # read from the class, as documentation tools do
            return self
        resource = make_resource(client, request_class(self.endpoint))
        client.__dict__[self._name] = resource  # found before this descriptor from now on
        return resource


def resources(prefix: str, group: str = "") -> Any:
    """Return a class with the resources of a client, or of a group of them, as attributes.

    Args:
        prefix: `Async` for the types of the resources of an `AsyncKling`, or "".
        group: The prefix of the names of the group's endpoints, such as `solutions-`.
    """
    methods = {name for names in METHODS.values() for name in names}
    attributes: dict[str, Any] = {}
    types: dict[str, str] = {}
    for endpoint, home in CLASSES.items():
        if endpoint not in methods and endpoint.startswith(group or "solutions-") is bool(group):
            name = endpoint.removeprefix(group).replace("-", "_")
            attributes[name] = _Attribute(endpoint)
            types[name] = f"typed.{prefix}{home.partition('.')[2]}Resource"
    about = {"__module__": __name__, "__annotations__": types}
    return type(f"{prefix}Resources", (), attributes | about)
