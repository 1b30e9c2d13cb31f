"""The registry of the endpoints that the modules of this folder define."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Final, NamedTuple
from urllib.parse import unquote

import kling_mock.kling.endpoints as folder
from kling_mock.kling.endpoints.record import EmulatedEndpoint
from kling_mock.kling.service_codes import Refusal, UnknownPathError
from kling_mock.kling.wire.interface import OperationKind

_SLASHES: Final = re.compile("/{2,}")


class RoutedCall(NamedTuple):
    """The call that a method and a path stand for.

    Attributes:
        record: The endpoint.
        operation: Which of its calls.
        name: The last part of the path where that is a parameter; else "".
    """

    record: EmulatedEndpoint
    operation: OperationKind
    name: str = ""


class KnownNames(NamedTuple):
    """The names that a request of an interface may use.

    Attributes:
        models: The models of its endpoints.
        fields: The names of all fields of all its bodies, those of objects in them included.
    """

    models: frozenset[str]
    fields: frozenset[str]


class EndpointRegistry(Mapping[str, EmulatedEndpoint]):
    """Records by name, and by their routes.

    Args:
        records: The endpoints. Two of them may share a route that lists tasks, as `GET /tasks`
            does; the first one stands for it.

    Attributes:
        models: All models.
        names: What a request may name, by the name of the interface.
        served: The calls for readers, as `POST /v1/videos/text2video`; `*` is a parameter.
        creates: Those of them that make tasks.

    Raises:
        ValueError: Two records have the same name, or routes that exclude each other.
    """

    def __init__(self, records: Iterable[EmulatedEndpoint]) -> None:
        self._records: dict[str, EmulatedEndpoint] = {}
        self._exact: dict[str, dict[str, RoutedCall]] = {}
        self._with_name: dict[str, dict[str, RoutedCall]] = {}
        served: dict[str, OperationKind] = {}
        for record in records:
            if record.name in self._records:
                raise ValueError(f"There are two endpoints called {record.name}.")
            self._records[record.name] = record
            for route in record.routes:
                head, _, tail = route.path.rpartition("/")
                table, key = self._exact, route.path
                if tail.startswith("{"):
                    table, key = self._with_name, head
                known = table.setdefault(key, {}).setdefault(
                    route.method, RoutedCall(record, route.operation)
                )
                if known.record is not record and (
                    known.record.interface is not record.interface or route.operation != "list"
                ):
                    raise ValueError(
                        f"{known.record.name} and {record.name} both have "
                        f"{route.method} {route.path}."
                    )
                path = f"{head}/*" if tail.startswith("{") else route.path
                served[f"{route.method} {path}"] = route.operation
        self.served = tuple(served)
        self.creates = tuple(call for call, kind in served.items() if kind == "create")
        self.models = frozenset(
            model for record in self._records.values() for model in record.models
        )
        self.names = {
            interface: _known(self._records.values(), interface)
            for interface in {record.interface.name for record in self._records.values()}
        }

    def __getitem__(self, name: str) -> EmulatedEndpoint:
        return self._records[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    @cached_property
    def all_fields(self) -> frozenset[str]:
        """The names of all keys of all bodies, including those of lists and deletes."""
        names = [name for known in self.names.values() for name in known.fields]
        for record in self._records.values():
            names += [
                field.name for field in (*record.interface.schemas.paging, *record.parameters)
            ]
            names += [] if record.library is None else [record.library.id_field]
        return frozenset(names)

    @property
    def with_tasks(self) -> tuple[str, ...]:
        """The names of the endpoints that make tasks."""
        return tuple(name for name, record in self._records.items() if record.makes_tasks)

    def route(self, method: str, path: str) -> RoutedCall:
        """Return the call that *method* and *path* stand for, but for empty segments of the path.

        Raises:
            UnknownPathError: There is no such path.
            Refusal: 404 with 1202 for a method that it does not have.
        """
        if "//" in path:
            path = _SLASHES.sub("/", path)
        calls = self._exact.get(path)
        if calls is not None:
            call = calls.get(method)
            if call is None:
                raise Refusal(1202, f"{method} {path}: the method must be {' or '.join(calls)}")
            return call
        head, _, name = path.rpartition("/")
        calls = self._with_name.get(head)
        if calls is None or not name:
            known = ", ".join((*self._exact, *(f"{path}/<id>" for path in self._with_name)))
            raise UnknownPathError(path, f"no such path; expected one of {known}")
        call = calls.get(method)
        if call is None:
            raise Refusal(1202, f"{method} {head}/<id>: the method must be {' or '.join(calls)}")
        # Not `_replace`, which takes three times as long.
        return RoutedCall(call.record, call.operation, unquote(name) if "%" in name else name)


def _known(records: Iterable[EmulatedEndpoint], interface: str) -> KnownNames:
    own = [record for record in records if record.interface.name == interface]
    return KnownNames(
        frozenset(model for record in own for model in record.models),
        frozenset(field.name for record in own for field in record.fields.all_fields()),
    )


def discover() -> Iterator[EmulatedEndpoint]:
    """Yield the records of each module of this folder: its `RECORD`, and those of `RECORDS`."""
    for module in pkgutil.iter_modules(folder.__path__):
        namespace = vars(importlib.import_module(f"{folder.__name__}.{module.name}"))
        for record in (namespace.get("RECORD"), *namespace.get("RECORDS", ())):
            if isinstance(record, EmulatedEndpoint):
                yield record


ENDPOINTS = EndpointRegistry(discover())
