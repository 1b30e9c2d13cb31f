"""Fair shares: the owners of due work take turns.

Work has a path, such as (user, receiver). Each level of the path limits how much may be under way
at a time, and within a level the owner with the least work under way comes first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TypeAlias, TypeVar

T = TypeVar("T")
#: The owners of a piece of work, the outermost first.
Path: TypeAlias = tuple[Hashable, ...]


class Shares:
    """Counts the work under way, and chooses what may start.

    Args:
        total: How much work may be under way in all.
        limits: How much of it one owner may have, for each level of a path.
    """

    def __init__(self, total: int, limits: Sequence[int]) -> None:
        self._limits = (total, *limits)
        self._active = Counter[Path]()

    def choose(self, waiting: Iterable[T], path_of: Callable[[T], Path]) -> list[T]:
        """Return the part of *waiting* that may start, and count it as started.

        Args:
            waiting: The due work, the most urgent first.
            path_of: Returns the path of a piece of work.
        """
        chosen: list[T] = []
        for work in self._in_turns([*waiting], path_of, ()):
            if self._active[()] >= self._limits[0]:
                break
            path = path_of(work)
            if self._has_room(path):
                self._count(path, 1)
                chosen.append(work)
        return chosen

    def end(self, path: Path) -> None:
        """Count one piece of work as ended."""
        self._count(path, -1)

    def under_way(self, path: Path = ()) -> int:
        """Return how much work of an owner is under way, or of all owners by default."""
        return self._active[path]

    @property
    def is_full(self) -> bool:
        """Whether no more work may start, whoever owns it."""
        return self._active[()] >= self._limits[0]

    def _has_room(self, path: Path) -> bool:
        return all(
            self._active[path[:level]] < self._limits[level] for level in range(len(path) + 1)
        )

    def _count(self, path: Path, change: int) -> None:
        for level in range(len(path) + 1):
            self._active[path[:level]] += change
            if not self._active[path[:level]]:
                del self._active[path[:level]]

    def _in_turns(
        self, waiting: Sequence[T], path_of: Callable[[T], Path], above: Path
    ) -> Iterator[T]:
        level = len(above)
        if level == len(self._limits) - 1:
            yield from waiting
            return
        owned: dict[Path, list[T]] = {}
        for work in waiting:
            owned.setdefault(path_of(work)[: level + 1], []).append(work)
        first = sorted(owned, key=lambda path: self._active[path])
        turns = [self._in_turns(owned[path], path_of, path) for path in first]
        while turns:
            left: list[Iterator[T]] = []
            for turn in turns:
                for work in turn:
                    yield work
                    left.append(turn)
                    break
            turns = left
