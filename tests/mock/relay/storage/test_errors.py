"""The errors of a store can be pickled and keep their fields."""

from __future__ import annotations

import pickle

import pytest

from kling_mock.relay.storage import errors
from kling_mock.relay.storage.errors import StorageError


@pytest.mark.parametrize(
    "error",
    [
        errors.UnknownError("task", "kling_1"),
        errors.ExistsError("user", "username"),
        errors.ExternalIdConflictError("kling_1"),
        errors.KlingTaskClashError("kling_1", "831922"),
        errors.DisabledError("token"),
        errors.InsufficientQuotaError("user", 100, 7),
        errors.SchemaError("too old"),
        errors.StorageUnavailableError("away"),
        errors.NoRoomError("full"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_pickles_with_its_fields(error: StorageError) -> None:
    """An error raised in one process reads the same in another."""
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - made one line above
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))
