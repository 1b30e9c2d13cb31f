"""The in-memory storage, written without SQL so that the SQL storages can be compared with it."""

from kling_mock.storage.memory.storage import MemoryStorage

__all__ = ["MemoryStorage"]
