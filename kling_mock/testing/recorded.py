"""A recorded session that a test runs against, and its pytest marker."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from kling_mock.clock import ManualClock
from kling_mock.recording.player import Player

if TYPE_CHECKING:
    import pytest

    from kling_sdk import AsyncKling, Kling

_KEY: Final = "recorded-session"  # any key is accepted
_USAGE: Final = (
    "@pytest.mark.kling_recording: must have the file of a session, relative to the test's own "
    "folder, and may have strict=False: kling_recording('session.jsonl', strict=True); got {}"
)
_UNPLAYED: Final = (
    "the test has made none of the recorded requests: is its client wired to kling_recorded? If "
    "this is on purpose: @pytest.mark.kling_recording(file, strict=False)"
)


class RecordedKling:
    """A server that plays back a session with the real service.

        with RecordedKling("session.jsonl") as recorded, recorded.client() as kling:
            task = kling.text2video.run(prompt="a kitten on the grass")

    Requests are matched by method, path and body. Nothing is emulated: a request that was not
    recorded is refused, and the refusal names the nearest one that was.

    Args:
        file: The session, as `kling-mock record` writes it.

    Attributes:
        clock: The time of the clients made here. It starts when the session started, and moves
            while all of them sleep, so that waiting takes no real time.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not a recorded session; the text names the line.
    """

    clock: Final[ManualClock]

    def __init__(self, file: str | Path) -> None:
        self._player = Player(Path(file))
        self.clock = ManualClock(self._player.start_time)
        self._player.carries(self.clock)

    @property
    def url(self) -> str:
        """The base URL, without a slash at the end.

        Raises:
            RuntimeError: The server does not run.
        """
        return self._player.url

    @property
    def unrecorded(self) -> tuple[str, ...]:
        """The requests that were not recorded, each with the nearest one that was."""
        return self._player.unrecorded

    @property
    def unplayed(self) -> tuple[str, ...]:
        """The recorded requests not made so far; one of several equal queries is enough."""
        return self._player.unplayed

    @property
    def has_played(self) -> bool:
        """Whether any recorded request was made."""
        return self._player.has_played

    def assert_all_played(self) -> None:
        """Check that every recorded request was made; one of several equal queries is enough.

        Raises:
            AssertionError: A request was not made; the text names it by its line in the file.
        """
        __tracebackhide__ = True
        if self.unplayed:
            raise AssertionError("\n  ".join(["recorded, and not played back:", *self.unplayed]))

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables by which an app finds this server: its URL and some key.

        Raises:
            RuntimeError: The server does not run.
        """
        return {"KLING_BASE_URL": self.url, "KLING_API_KEY": _KEY}

    def client(self, **options: Any) -> Kling:
        """Return an SDK client wired to this server: its URL and its clock.

        Args:
            options: Passed on to `kling_sdk.Kling`; they win over what is set here.
        """
        from kling_sdk import Kling

        return Kling(**(self._client_options() | options))

    def async_client(self, **options: Any) -> AsyncKling:
        """Return an async SDK client wired to this server: its URL and its clock.

        Args:
            options: Passed on to `kling_sdk.AsyncKling`; they win over what is set here.
        """
        from kling_sdk import AsyncKling

        return AsyncKling(**(self._client_options() | options))

    def _client_options(self) -> dict[str, Any]:
        return {"api_key": _KEY, "base_url": self.url, "trust_env": False, "clock": self.clock}

    def start(self) -> Self:
        """Start the server; return once it accepts connections."""
        self._player.start()
        return self

    def stop(self) -> None:
        """Stop the server; do nothing if it is not running."""
        self._player.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextmanager
def recorded_of(item: pytest.Item) -> Generator[RecordedKling]:
    """Run the session of a test's marker; fail the test if it makes unrecorded requests."""
    import pytest

    marker = item.get_closest_marker("kling_recording")
    arguments = ((), {}) if marker is None else (marker.args, marker.kwargs)
    (*files, strict) = (*arguments[0], arguments[1].get("strict", True))
    right = len(files) == 1 and isinstance(files[0], str | Path) and isinstance(strict, bool)
    if not right or set(arguments[1]) - {"strict"}:
        got = "no marker" if marker is None else f"{marker.args} {marker.kwargs}"
        pytest.fail(_USAGE.format(got), pytrace=False)
    try:
        recorded = RecordedKling(item.path.parent / files[0])
    except (OSError, ValueError) as error:
        pytest.fail(f"@pytest.mark.kling_recording: {error}", pytrace=False)
    with recorded:
        yield recorded
        if strict and recorded.unrecorded:
            lines = "\n".join(f"  {request}" for request in recorded.unrecorded)
            pytest.fail(f"requests that were not recorded:\n{lines}", pytrace=False)
        if strict and not recorded.has_played:
            pytest.fail(_UNPLAYED, pytrace=False)
