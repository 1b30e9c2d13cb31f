"""P10: an attack on a relay delays other users a little, and never takes it down.

A real relay process in front of a real emulated Kling, with the limit of open files that most
systems have; the attacker is a process of its own, at the lowest priority. How long others wait
is printed and not judged here: it is that of a busy machine (see the gate
`health_ms_under_abuse` of the benchmark `relay`).
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Final

import attrs
import pytest

from tests.proof.attacked_relay import COLUMNS, FILES, AttackedRelay, Seen, attacked_relay
from tests.proof.attackers import ATTACKS, HALF_OPEN

pytestmark = [pytest.mark.slow, pytest.mark.alone]


@attrs.frozen
class Size:
    """The size of a run.

    Attributes:
        seconds: How long an attack lasts.
        speed: The speed of the clocks, so that a task is polled while an attack lasts.
    """

    seconds: float
    speed: float


SIZE: Final = (
    Size(seconds=60, speed=1)
    if os.environ.get("KLING_PROOF_SIZE") == "full"
    else Size(seconds=3, speed=20)
)
#: MiB of memory beyond that of the idle relay: what large bodies may take together, a second
#: time while one is parsed and while it is written for Kling, and 100 for all else.
MEMORY: Final = 3 * 192 + 100
#: Descriptors that may be open for a moment after an attack beyond those of before.
LEFT: Final = 30
#: Seconds in which an attack takes all descriptors of a relay without limits; usually it takes 3.
FULL_WITHIN: Final = 25


def show(name: str, seen: Seen) -> None:
    figures = "; ".join(map(": ".join, zip(COLUMNS, seen.cells(), strict=True)))
    print(f"\n{name}: {figures}; attacker: {dict(seen.did)}")  # noqa: T201 - the figures


def broken(relay: AttackedRelay, idle: Seen, seen: Seen) -> list[str]:
    """The checker: return what an attack has broken."""
    faults: list[str] = []
    if relay.process.poll() is not None:
        return ["the process has ended"]
    if not seen.did:
        faults.append("the attacker did nothing")
    if seen.failed:
        faults.append(f"failed: {dict(seen.failed)}")
    if not (seen.creates and seen.callbacks and seen.health):
        faults.append("another user did nothing")
    if seen.memory > idle.memory + MEMORY:
        faults.append(f"memory: {idle.memory:.0f} became {seen.memory:.0f} MiB")
    if seen.descriptors >= FILES:
        faults.append(f"descriptors: {seen.descriptors}")
    return faults


def returns_to_normal(relay: AttackedRelay, idle: Seen) -> None:
    """Wait until the effects of an attack are gone, and use the relay."""
    until = time.monotonic() + 60
    while relay.descriptors() > idle.descriptors + LEFT and time.monotonic() < until:
        threading.Event().wait(0.1)
    assert relay.descriptors() <= idle.descriptors + LEFT
    after = relay.watch(0.5)
    assert not after.failed
    assert after.creates
    assert after.callbacks


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_leaves_the_others_their_service(name: str, tmp_path: Path) -> None:
    """Another user's creates and callbacks continue, within bounds; then all is as before."""
    with attacked_relay(tmp_path, speed=SIZE.speed) as relay:
        idle = relay.watch(SIZE.seconds / 3)
        seen = relay.watch(SIZE.seconds, name)
        show(name, seen)
        assert broken(relay, idle, seen) == []
        returns_to_normal(relay, idle)


def test_the_sweeper_reads_the_tasks_of_a_channel_that_works(tmp_path: Path) -> None:
    """While 150 tasks of another one hang, a task whose callback was lost is read when due."""
    with attacked_relay(tmp_path, speed=SIZE.speed) as relay:
        relay.lose_callbacks()
        task = relay.create()
        relay.end(task)
        ended: list[float] = []
        start = time.monotonic()

        def look() -> None:
            while not ended and time.monotonic() < start + 60:
                if relay.row(task)["status"] == "succeed":
                    ended.append(time.monotonic() - start)
                threading.Event().wait(0.05)

        looking = threading.Thread(target=look)
        looking.start()
        seen = relay.attacked(max(SIZE.seconds, 30 / SIZE.speed), "channel")
        looking.join()
        assert seen["hanging calls"] > 0
        assert ended, "it was never read"
        # Polled for the first time 20 s after its create, on the relay's clock.
        print(f"\nsweeper: read after {ended[0]:.1f} s of {20 / SIZE.speed:g}")  # noqa: T201 - a figure


# ------------------------------------------------------------ negative controls


def broken_by(tmp_path: Path, attack: str, *options: str) -> list[str]:
    """Return what the check finds of a relay without a limit, whose descriptors an attack takes.

    Attackers have the lowest priority: if they get no time on a busy machine for a while, what
    they have opened ends before it is enough. Then the attack is made on a new relay.
    """
    faults: list[str] = []
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        with attacked_relay(folder, *options) as relay:
            idle = relay.watch(0.5)
            faults = broken(relay, idle, relay.watch(FULL_WITHIN, attack, until_full=True))
        if any("descriptors" in fault for fault in faults):
            break
    return faults


def test_the_check_catches_a_relay_without_a_limit_of_connections(tmp_path: Path) -> None:
    """Negative control: with the limit above that of open files, others find no descriptor."""
    most = ("--max-connections", f"{10 * HALF_OPEN}", "--header-timeout", "900")
    faults = broken_by(tmp_path, "slowloris", *most, "--body-timeout", "900")
    assert any("descriptors" in fault for fault in faults), faults


def test_the_check_catches_a_relay_whose_channels_have_no_limit(tmp_path: Path) -> None:
    """Negative control: each create that hangs takes two descriptors, until all are used up."""
    faults = broken_by(tmp_path, "channel", "--calls-per-channel", "0", "--token-rate", "0")
    assert any("descriptors" in fault for fault in faults), faults


def test_the_check_catches_a_relay_that_has_ended(tmp_path: Path) -> None:
    """Negative control: a relay that an attack takes down does not serve callers."""
    with attacked_relay(tmp_path) as relay:
        idle = relay.watch(0.5)
        relay.process.kill()
        relay.process.wait()
        assert broken(relay, idle, idle) == ["the process has ended"]
