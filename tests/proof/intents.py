"""Intents to buy, the outcomes that callers got, and the check against the server's books."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from kling_sdk import AsyncKling, KlingAPIError, OutcomeUnknownError
from tests.sdk.fake_kling import HonestKling
from tests.sdk.faulty_server import FaultyKling

KEY = "AK|SK"
IN_FLIGHT = 32


@attrs.frozen
class Side:
    """One of the vendor's interfaces: the key of its client, and extra parameters of requests."""

    name: str
    key: str
    extra: dict[str, Any]


#: The same requests for both: only the model, and what the client's key is, differ.
SIDES = {
    "v1": Side("v1", KEY, {}),
    "model-path": Side("model-path", "an-api-key", {"model_name": "kling-3.0"}),
}


@attrs.define
class Told:
    """A caller's knowledge of one intent.

    Attributes:
        task_id: The task it was given, or None.
        unknown: The external id it was told to ask with, or None.
    """

    task_id: str | None = None
    unknown: str | None = None


@attrs.frozen
class Verdict:
    """The findings of the checker."""

    intents: int
    tasks: int
    duplicates: int
    lost: int
    mixed_up: int
    phantoms: int
    unknown: int

    @property
    def is_sound(self) -> bool:
        """Whether nothing was bought twice, lost, given to another caller or made up."""
        return not (self.duplicates or self.lost or self.mixed_up or self.phantoms)

    def __str__(self) -> str:
        return ", ".join(f"{value} {name}" for name, value in attrs.asdict(self).items())


def judge(outcomes: dict[str, Told], kling: HonestKling) -> Verdict:
    """Compare what callers were told with the server's books."""
    bought = Counter(task["prompt"] for task in kling.tasks.values())
    lost = mixed_up = phantoms = 0
    for prompt, word in outcomes.items():
        known = kling.tasks.get(word.task_id or kling.by_external.get(word.unknown or "", ""))
        # It was bought, and can neither be named nor found by the caller.
        lost += bool(bought[prompt]) and (known is None or known["prompt"] != prompt)
        got = kling.tasks.get(word.task_id or "")
        mixed_up += got is not None and got["prompt"] != prompt
        phantoms += word.task_id is not None and word.task_id not in kling.tasks
    return Verdict(
        len(outcomes),
        len(kling.tasks),
        sum(count - 1 for count in bought.values()),
        lost,
        mixed_up,
        phantoms,
        sum(word.unknown is not None for word in outcomes.values()),
    )


Create = Callable[[str], Awaitable[Told]]


async def everybody(create: Create, prompts: list[str]) -> dict[str, Told]:
    """Create each prompt, with 32 in flight."""
    waiting, outcomes = iter(prompts), dict[str, Told]()

    async def work() -> None:
        for prompt in waiting:
            outcomes[prompt] = await create(prompt)

    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    return outcomes


def prompts(count: int) -> list[str]:
    return [f"intent {number}" for number in range(count)]


def with_sdk(kling: AsyncKling, **extra: Any) -> Create:
    async def create(prompt: str) -> Told:
        try:
            return Told((await kling.text2video.create(prompt=prompt, **extra)).task_id)
        except OutcomeUnknownError as error:
            return Told(unknown=error.external_task_id)
        except KlingAPIError:
            return Told()  # it says that nothing was created

    return create


def show(name: str, verdict: Verdict, server: FaultyKling, seconds: float) -> None:
    broken = server.unread + len(server.requests)
    print(f"\nP1 {name}: {verdict}; {broken} requests, {seconds:.1f} s")  # noqa: T201 - the figure
