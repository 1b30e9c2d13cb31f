"""Who of many gets the next place: work that is due is taken in turns.

Work has a path, such as (user, receiver): each level of it has a limit of how much may be under
way at a time, and within a level each gets its turn, whoever has the fewest under way first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TypeAlias, TypeVar

__all__ = ["Path", "Shares"]

T = TypeVar("T")
#: To whom a piece of work belongs, the outermost first.
Path: TypeAlias = tuple[Hashable, ...]


class Shares:
    """Counts what is under way, and chooses what may begin.

    Args:
        total: How much may be under way in all.
        limits: How much may be of one owner, for each level of a path.
    """

    def __init__(self, total: int, limits: Sequence[int]) -> None:
        self._limits = (total, *limits)
        self._begun = Counter[Path]()

    def choose(self, waiting: Iterable[T], path_of: Callable[[T], Path]) -> list[T]:
        """Return what of *waiting* may begin, and count it as begun.

        Args:
            waiting: What is due, the most urgent first.
            path_of: Returns the path of one.
        """
        chosen: list[T] = []
        for one in self._in_turns([*waiting], path_of, ()):
            if self._begun[()] >= self._limits[0]:
                break
            path = path_of(one)
            if self._has_room(path):
                self._count(path, 1)
                chosen.append(one)
        return chosen

    def end(self, path: Path) -> None:
        """Count one as ended."""
        self._count(path, -1)

    def under_way(self, path: Path = ()) -> int:
        """Return how much of an owner is under way; of all by default."""
        return self._begun[path]

    @property
    def is_full(self) -> bool:
        """Whether nothing more may begin, whoever it belongs to."""
        return self._begun[()] >= self._limits[0]

    def _has_room(self, path: Path) -> bool:
        return all(
            self._begun[path[:level]] < self._limits[level] for level in range(len(path) + 1)
        )

    def _count(self, path: Path, change: int) -> None:
        for level in range(len(path) + 1):
            self._begun[path[:level]] += change
            if not self._begun[path[:level]]:
                del self._begun[path[:level]]

    def _in_turns(
        self, waiting: Sequence[T], path_of: Callable[[T], Path], above: Path
    ) -> Iterator[T]:
        level = len(above)
        if level == len(self._limits) - 1:
            yield from waiting
            return
        owned: dict[Path, list[T]] = {}
        for one in waiting:
            owned.setdefault(path_of(one)[: level + 1], []).append(one)
        first = sorted(owned, key=lambda path: self._begun[path])
        turns = [self._in_turns(owned[path], path_of, path) for path in first]
        while turns:
            left: list[Iterator[T]] = []
            for turn in turns:
                for one in turn:
                    yield one
                    left.append(turn)
                    break
            turns = left
