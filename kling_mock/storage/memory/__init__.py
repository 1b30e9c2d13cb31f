"""The in-memory store: written without SQL on purpose, so that it can judge the SQL stores."""

from kling_mock.storage.memory.operations import MemoryStorage

__all__ = ["MemoryStorage"]
