"""The operations of `Storage` are declared once; both implementations have their parameters."""

from __future__ import annotations

import inspect

import pytest

from kling_mock.storage.memory import MemoryStorage
from kling_mock.storage.protocol import Storage
from kling_mock.storage.sql_storage import SqlStorage

OPERATIONS = [
    name for name, one in vars(Storage).items() if inspect.isfunction(one) and name[0] != "_"
]


def parameters(operation: object) -> list[tuple[str, object, object]]:
    """Return name, kind and default of each parameter but `self`."""
    assert callable(operation)
    found = inspect.signature(operation).parameters.values()
    return [(one.name, one.kind, one.default) for one in found if one.name != "self"]


def test_the_operations_are_found() -> None:
    """The comparison below is about all of them."""
    assert {"open", "create_task", "settle", "reconcile"} <= set(OPERATIONS)
    assert len(OPERATIONS) > 40


@pytest.mark.parametrize("storage", [SqlStorage, MemoryStorage])
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_implemented_with_the_parameters_of_the_protocol(
    storage: type[Storage], name: str
) -> None:
    """Each of them is there, with the same names, kinds and defaults."""
    declared, own = getattr(Storage, name), getattr(storage, name)
    assert own is not declared
    assert parameters(own) == parameters(declared)
