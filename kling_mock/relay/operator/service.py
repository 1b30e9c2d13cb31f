"""What the operator can do: users, tokens, channels, and looking into what happened.

One room for both ways in, HTTP (`admin`) and the command line: each call is a row of `calls`,
which says what is accepted. Keys and secrets go in and never come out; a token is shown once,
when it is made.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

import attrs

from kling_mock.clock import Clock
from kling_mock.relay.domain import errors
from kling_mock.relay.domain.channels import check_mapping, check_secrets, keys_of
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.domain.naming import check_name, number_of, the_one
from kling_mock.relay.domain.tokens import new_token, token_hash
from kling_mock.relay.domain.user_webhooks import user_secret
from kling_mock.relay.operator.operations import BY_NAME
from kling_mock.relay.operator.views import (
    STATUS,
    Body,
    show_channel,
    show_reconciliation,
    show_stuck,
    show_token,
    show_user,
)
from kling_mock.storage.errors import (
    ExistsError,
    InsufficientQuotaError,
    StorageError,
    StorageUnavailableError,
    UnknownError,
)
from kling_mock.storage.protocol import Storage
from kling_mock.storage.text import check_fits
from kling_mock.storage.values import (
    DELETED,
    Channel,
    NewChannel,
    NewToken,
    NewUser,
    NoticeState,
    User,
)
from kling_mock.web.errors import AdminError
from kling_mock.web.json_schema import EVERY, check, closed

__all__ = ["STUCK_AFTER", "Ask", "Desk"]

STUCK_AFTER: Final = 3600  # seconds after which an open task counts as stuck
_DAY: Final = 86_400
_PAGE: Final = 100
_SLOW: Final = 20  # recorded slow statements that are told
_RUNNING: Final = 5.0  # seconds: the guide's own limit
_TEXTS: Final = frozenset({"key", "model_mapping", "models", "webhook_secrets"})


class Ask(NamedTuple):
    """One request of the operator, checked.

    Attributes:
        key: What is named; "" if nothing is.
        said: The members of the body and of the query.
    """

    key: str
    said: Mapping[str, Any]

    def number(self) -> int:
        """Return the id that is named."""
        number = number_of(self.key)
        if number is None:
            raise errors.invalid("path", f"{self.key[:40]!r} is no id; accepted is a number")
        return number


class Desk:
    """The operator's desk.

    Args:
        storage: Where everything is kept.
        clock: The time.
        random_bytes: Returns that many random bytes, for new tokens.
        changed: Called when channels have changed.
        told: Called when a notice is to be sent again.
        secret: From which users' webhook secrets are derived; `None` does not show them.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        changed: Callable[[], None],
        told: Callable[[], None],
        secret: bytes | None,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._random_bytes = random_bytes
        self._changed = changed
        self._told = told
        self._secret = secret

    async def do(
        self,
        name: str,
        key: str = "",
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> Body:
        """Do what a row of `calls` says.

        Args:
            name: Its name.
            key: What is named in its path.
            body: The body's members.
            query: The query's.

        Raises:
            RelayError: It is not accepted, or there is no such thing.
            StorageUnavailableError: The database is away.
        """
        schema = BY_NAME[name].body
        work: Callable[[Ask], Awaitable[Body]] = getattr(self, name)
        try:
            said = check(schema, body or {}) if schema is not None else {}
            asked = check(closed(EVERY, **BY_NAME[name].query), query or {})
            return await work(Ask(key, {**asked, **said}))
        except AdminError as error:
            raise RelayError(errors.INVALID, error.message) from None
        except UnknownError as error:
            raise RelayError(errors.NOT_FOUND, str(error)) from None
        except ExistsError as error:
            raise RelayError(errors.CONFLICT, str(error)) from None
        except InsufficientQuotaError as error:
            raise RelayError(errors.NO_QUOTA, str(error)) from None
        except StorageUnavailableError:
            raise
        except (StorageError, ValueError) as error:
            raise RelayError(errors.INVALID, str(error)) from None

    # ------------------------------------------------------------ users

    async def users(self, ask: Ask) -> Body:
        """List users."""
        found = await self._storage.list_users(after=ask.said.get("after", 0), limit=_PAGE)
        shown = [user for user in found if _is_shown(user.status, ask)]
        following = found[-1].id if len(found) == _PAGE else None
        return {"data": [self._shown(user) for user in shown], "next_after": following}

    async def user(self, ask: Ask) -> Body:
        """Show a user."""
        return self._shown(await self._storage.get_user(await self._user_id(ask)))

    async def add_user(self, ask: Ask) -> Body:
        """Add a user."""
        check_name("username", ask.said["username"])
        made = await self._storage.create_user(NewUser(**ask.said), now=self._now())
        return self._shown(made)

    async def delete_user(self, ask: Ask) -> Body:
        """Delete a user for good."""
        return await self._set_user(ask, DELETED)

    async def set_user_status(self, ask: Ask) -> Body:
        """Switch a user on or off."""
        return await self._set_user(ask, STATUS[ask.said["status"]])

    async def credit(self, ask: Ask) -> Body:
        """Top up a user."""
        user_id = await self._user_id(ask)
        return attrs.asdict(await self._storage.credit(user_id, now=self._now(), **ask.said))

    async def ledger(self, ask: Ask) -> Body:
        """List what moved a user's balance."""
        before = ask.said.get("before")
        user_id = await self._user_id(ask)
        entries = await self._storage.list_ledger(user_id, before=before, limit=_PAGE)
        return {"data": [attrs.asdict(entry) for entry in entries]}

    async def _set_user(self, ask: Ask, status: int) -> Body:
        user_id = await self._user_id(ask)
        return self._shown(await self._storage.set_user_status(user_id, status))

    async def _user_id(self, ask: Ask) -> int:
        """Return the number of the user that is named by number or by name.

        Raises:
            RelayError: 409 if it is the name of one user and the number of another.
            UnknownError: There is no such user.
        """
        number = number_of(ask.key)
        named = await self._storage.find_user(ask.key)
        numbered = None
        if number is not None:
            with suppress(UnknownError):
                numbered = await self._storage.get_user(number)
        return the_one("user", ask.key, named, numbered).id

    def _shown(self, user: User) -> Body:
        if self._secret is None:
            return show_user(user)
        return show_user(user) | {"webhook_secret": user_secret(self._secret, user.id)}

    # ------------------------------------------------------------ tokens

    async def tokens(self, ask: Ask) -> Body:
        """List a user's tokens."""
        tokens = await self._storage.list_tokens(await self._user_id(ask))
        return {"data": [show_token(one) for one in tokens if _is_shown(one.status, ask)]}

    async def add_token(self, ask: Ask) -> Body:
        """Add a token, and show it this once."""
        text = new_token(self._random_bytes(24))
        wanted = NewToken(await self._user_id(ask), token_hash(text), **ask.said)
        token = await self._storage.create_token(wanted, now=self._now())
        return show_token(token) | {"token": text}

    async def set_token_status(self, ask: Ask) -> Body:
        """Switch a token on or off."""
        status = STATUS[ask.said["status"]]
        return show_token(await self._storage.set_token_status(ask.number(), status))

    async def set_token_quota(self, ask: Ask) -> Body:
        """Limit a token, or free it."""
        quota = ask.said["remain_quota"]
        return show_token(await self._storage.set_token_quota(ask.number(), quota))

    async def delete_token(self, ask: Ask) -> Body:
        """Delete a token for good."""
        return show_token(await self._storage.set_token_status(ask.number(), DELETED))

    # ------------------------------------------------------------ channels

    async def channels(self, ask: Ask) -> Body:
        """List channels."""
        deleted = ask.said.get("deleted") == "true"
        channels = await self._storage.list_channels(with_deleted=deleted)
        return {"data": [show_channel(channel) for channel in channels]}

    async def add_channel(self, ask: Ask) -> Body:
        """Add a channel."""
        wanted = NewChannel(**_declared(ask.said))
        check_name("name", wanted.name)
        channel = await self._storage.create_channel(wanted, now=self._now())
        self._changed()
        return show_channel(channel)

    async def replace_channel(self, ask: Ask) -> Body:
        """Declare a channel anew."""
        return await self._replace(await self._channel(ask), NewChannel(**_declared(ask.said)))

    async def change_channel(self, ask: Ask) -> Body:
        """Change what is said of a channel, and leave the rest."""
        channel = await self._channel(ask)
        declared = (field.name for field in attrs.fields(NewChannel))
        before = {name: getattr(channel, name) for name in declared}
        return await self._replace(channel, NewChannel(**(before | _declared(ask.said))))

    async def delete_channel(self, ask: Ask) -> Body:
        """Delete a channel."""
        channel = await self._storage.delete_channel((await self._channel(ask)).id)
        self._changed()
        return show_channel(channel)

    async def _replace(self, before: Channel, wanted: NewChannel) -> Body:
        if wanted.name != before.name:
            check_name("name", wanted.name)
        channel = await self._storage.replace_channel(before.id, wanted)
        self._changed()
        return show_channel(channel)

    async def _channel(self, ask: Ask) -> Channel:
        """Return the channel that is named by number or by name.

        Raises:
            RelayError: 409 if it is the name of one channel and the number of another.
            UnknownError: There is no such channel.
        """
        number = number_of(ask.key)
        channels = await self._storage.list_channels(with_deleted=True)
        named = (one for one in channels if one.name == ask.key and not one.is_deleted)
        numbered = (one for one in channels if one.id == number)
        return the_one("channel", ask.key, next(named, None), next(numbered, None))

    # ------------------------------------------------------------ looking into it

    async def task(self, ask: Ask) -> Body:
        """Show a task's row."""
        row = await self._storage.find_task(ask.key)
        if row is None:
            raise UnknownError("task", ask.key[:200])
        return attrs.asdict(row)

    async def reports(self, ask: Ask) -> Body:
        """List results that were not applied."""
        found = await self._storage.list_reports(before=ask.said.get("before"))
        return {"data": [attrs.asdict(report) for report in found]}

    async def notices(self, ask: Ask) -> Body:
        """List callbacks to users."""
        state = ask.said.get("state")
        found = await self._storage.list_notices(state=None if not state else NoticeState(state))
        return {"data": [attrs.asdict(notice) for notice in found]}

    async def replay(self, ask: Ask) -> Body:
        """Send a callback again."""
        notice = await self._storage.replay_notice(ask.key, now=self._now())
        self._told()
        return attrs.asdict(notice)

    async def reconcile(self, ask: Ask) -> Body:
        """Compare every balance with the ledger."""
        rows = await self._storage.reconcile(ask.said.get("user_id"))
        return {"data": [show_reconciliation(row) for row in rows]}

    async def stats(self, ask: Ask) -> Body:
        """Totals per day, stuck tasks, slow statements."""
        now = self._now()
        days = ask.said.get("days", 7)
        until = now - ask.said.get("stuck_after", STUCK_AFTER)
        totals = await self._storage.stats(since=now - days * _DAY)
        stuck = await self._storage.list_stuck(created_until=until)
        slow = await self._storage.slow_statements(limit=_SLOW, running_for=_RUNNING)
        return {
            "data": [attrs.asdict(day) for day in totals],
            "stuck": [show_stuck(row) for row in stuck],
            "slow": attrs.asdict(slow),
            "process": attrs.asdict(self._storage.strain()),
        }

    async def overview(self, ask: Ask) -> Body:
        """Show counts."""
        del ask
        return attrs.asdict(await self._storage.overview(now=self._now()))

    def _now(self) -> int:
        return int(self._clock.now())


def _is_shown(status: int, ask: Ask) -> bool:
    return status != DELETED or ask.said.get("deleted") == "true"


def _declared(said: Mapping[str, Any]) -> Body:
    """Return the members of a channel as they are kept.

    Raises:
        RelayError: A key, a secret or the mapping is not what is accepted.
        ValueError: A text does not fit into its column.
    """
    given = dict(said)
    if "model_mapping" in given:
        mapping = given["model_mapping"]
        given["model_mapping"] = mapping if isinstance(mapping, str) else json.dumps(mapping)
    for name in _TEXTS & given.keys():
        check_fits(name, given[name])
    if "model_mapping" in given:
        check_mapping(given["model_mapping"])
    if "key" in given:
        given["api_keys"] = given.pop("key")
        keys_of(given["api_keys"])
    if "webhook_secrets" in given:
        check_secrets(given["webhook_secrets"])
    if "status" in given:
        given["status"] = STATUS[given["status"]]
    return given
