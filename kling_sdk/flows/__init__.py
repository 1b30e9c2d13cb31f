"""Every decision of a call, as generators without I/O.

How a call runs: a method of a resource makes an `Operation`, which names the flow. The client's
runner (`kling_sdk.client.runner`) starts the flow with a `Context`, and a loop
(`transports.run`) performs each effect that the flow yields and sends the result back, until the
flow returns.

What is called by a method, and what it calls:

- `create`: one task; `core`, then `asking` for a create whose reply was lost, or `send_once` alone
- `send_once`: a request without an external id, and a call without a task; `core`
- `wait`: one task until it ends, `run_task` with its create; `create`, `together`, `asking`, `core`
- `get`: one task, or a page of them; `asking`, `core`
- `any_task`: get, list and wait without an endpoint; `asking`, `look_by_ids`, `wait`
- `many`: a batch; `batch_input`, `slots`, children of `create`, `watch`
- `library`: a delete; `core`
- `download`: a file; no other flow

What these call:

- `core`: `exchange` sends once, `ask` makes sure of the reply, `repeat` retries; `wrong_clock`
- `asking`: a task at one place or at all where it may be; `core`
- `watch`: the open tasks of a batch; `look`
- `together`: a poll that the waits of a client share, by their `board`; `look`, `look_by_ids`
- `look`: many tasks, by list pages and queries; `look_by_ids`, `asking`, `core`
- `look_by_ids`: queries for 20 ids each; `core`

What they decide with, and no flows:

- `effects`: what a flow can yield; `context`: what it gets, and `Event`, `Operation`
- `retry`: whether and when to repeat; `wrong_clock`: both clocks' times, for an error;
  `wrong_model`: the known model that a refused one is near
- `spending`: whether a request may be sent, by its price
- `identity`: whether a reply is about our task; `external_ids`: ids that are made of a request
- `tasks`: where a task is queried, what a reply changes, how it ends
- `batch_input`: the requests of a batch; `slots`: how many creates may run; `board`: who waits
- `interrupted`: the ids of paid tasks in an exception; `privacy`: prompts out of the server's text

The modules are imported when they are run; this package has what every flow needs.
"""

from kling_sdk.flows.context import Context, Event, Operation
from kling_sdk.flows.core import once, repeat
from kling_sdk.flows.effects import (
    NO_ITEM,
    Ask,
    Effect,
    Emit,
    Ended,
    Fetch,
    Flow,
    Next,
    Send,
    Sink,
    Sleep,
    Spawn,
    Take,
    Work,
)

__all__ = [
    "NO_ITEM",
    "Ask",
    "Context",
    "Effect",
    "Emit",
    "Ended",
    "Event",
    "Fetch",
    "Flow",
    "Next",
    "Operation",
    "Send",
    "Sink",
    "Sleep",
    "Spawn",
    "Take",
    "Work",
    "once",
    "repeat",
]
