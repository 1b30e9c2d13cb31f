"""The operator's calls: manage users, tokens and channels, and inspect tasks and money.

HTTP and the command line run the same methods, through the table in `operations`, which checks
their parameters. Keys and secrets are never shown; a token is shown once, when it is created.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import attrs

from kling_mock.clock import MockClock
from kling_mock.relay.domain import errors
from kling_mock.relay.domain.channels import check_mapping
from kling_mock.relay.domain.credentials import (
    check_secrets,
    new_token,
    parse_keys,
    signing_secrets,
    token_hash,
    user_secret,
)
from kling_mock.relay.domain.errors import RelayError, invalid
from kling_mock.relay.domain.naming import check_name, number_of, resolve_name
from kling_mock.relay.domain.receivers import host_of_url
from kling_mock.relay.domain.stored_values import stated_quota
from kling_mock.relay.operator.views import (
    STATUS,
    Body,
    show_channel,
    show_receiver,
    show_reconciliation,
    show_repair,
    show_stuck,
    show_token,
    show_user,
)
from kling_mock.relay.storage.errors import UnknownError
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.text import check_fits
from kling_mock.relay.storage.values import (
    DELETED,
    Channel,
    NewChannel,
    NewToken,
    NewUser,
    NoticeState,
    Receiver,
    User,
)
from kling_mock.web.operations import Parameters

STUCK_AFTER: Final = 3600  # seconds after which an open task counts as stuck
_DAY: Final = 86_400
_PAGE: Final = 100
_SLOW: Final = 20  # recorded slow statements that are shown
_RUNNING: Final = 5.0  # seconds: the guide's own limit
_TEXTS: Final = frozenset({"key", "model_mapping", "models", "webhook_secrets"})


class OperatorService:
    """The calls of the operator; each is a row of `operations.CALLS`.

    Args:
        storage: The relay's store.
        random_bytes: Returns that many random bytes, for new tokens.
        on_channel_change: Called when channels have changed.
        on_replay: Called when a user's webhook must be sent again.
        secret: Users' webhook secrets are derived from it; `None` does not show them.
    """

    def __init__(
        self,
        storage: Storage,
        clock: MockClock,
        random_bytes: Callable[[int], bytes],
        on_channel_change: Callable[[], None],
        on_replay: Callable[[], None],
        secret: bytes | None,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._random_bytes = random_bytes
        self._on_channel_change = on_channel_change
        self._on_replay = on_replay
        self._secret = secret

    # ------------------------------------------------------------ users

    async def list_users(self, parameters: Parameters) -> Body:
        """List users, without the secrets of their webhooks."""
        page = await self._storage.list_users(after=parameters.get("after", 0), limit=_PAGE)
        users = [user for user in page if _is_shown(user.status, parameters)]
        following = page[-1].id if len(page) == _PAGE else None
        return {"data": [show_user(user) for user in users], "next_after": following}

    async def get_user(self, parameters: Parameters) -> Body:
        """Show a user."""
        return await self._user_body(await self._storage.get_user(await self._user_id(parameters)))

    async def add_user(self, parameters: Parameters) -> Body:
        """Add a user."""
        check_name("username", parameters["username"])
        user = await self._storage.create_user(
            NewUser(parameters["username"], parameters.get("quota", 0)), now=self._now()
        )
        return await self._user_body(user)

    async def delete_user(self, parameters: Parameters) -> Body:
        """Delete a user permanently."""
        return await self._set_user(parameters, DELETED)

    async def set_user_status(self, parameters: Parameters) -> Body:
        """Switch a user on or off."""
        return await self._set_user(parameters, STATUS[parameters["status"]])

    async def bind_user(self, parameters: Parameters) -> Body:
        """Have a user own the rows of an old program that name a number, too."""
        user_id = await self._user_id(parameters)
        return await self._user_body(await self._storage.bind_user(user_id, parameters["number"]))

    async def disown_number(self, parameters: Parameters) -> Body:
        """Declare that the rows of an old program that name a number are nobody's."""
        await self._storage.disown_number(parameters["number"])
        return {"number": parameters["number"]}

    async def credit(self, parameters: Parameters) -> Body:
        """Top up a user."""
        entry = await self._storage.credit(
            await self._user_id(parameters),
            parameters["amount"],
            reference=parameters["reference"],
            note=parameters.get("note", ""),
            now=self._now(),
        )
        return attrs.asdict(entry)

    async def list_ledger(self, parameters: Parameters) -> Body:
        """List what moved a user's balance."""
        before = parameters.get("before")
        user_id = await self._user_id(parameters)
        entries = await self._storage.list_ledger(user_id, before=before, limit=_PAGE)
        return {"data": [attrs.asdict(entry) for entry in entries]}

    async def _set_user(self, parameters: Parameters, status: int) -> Body:
        user_id = await self._user_id(parameters)
        return await self._user_body(await self._storage.set_user_status(user_id, status))

    async def _user_id(self, parameters: Parameters) -> int:
        """Return the id of the user that the path names, by id or by name.

        Raises:
            RelayError: 409 if it is the name of one user and the number of another.
            UnknownError: There is no such user.
        """
        number = number_of(parameters["id"])
        named = await self._storage.find_user(parameters["id"])
        numbered = None
        if number is not None:
            with suppress(UnknownError):
                numbered = await self._storage.get_user(number)
        return resolve_name("user", parameters["id"], named, numbered).id

    async def rotate_webhook_secret(self, parameters: Parameters) -> Body:
        """Have a new secret sign a user's webhooks, and for a while the one before it too."""
        user_id = await self._user_id(parameters)
        before = await self._storage.find_webhook_secret(user_id)
        rotated = await self._storage.rotate_webhook_secret(
            user_id,
            generation=1 + (0 if before is None else before.generation),
            overlap_until=self._now() + parameters.get("overlap_seconds", _DAY),
        )
        body = attrs.asdict(rotated)
        if self._secret is not None:
            body["webhook_secret"] = user_secret(self._secret, user_id, rotated.generation)
        return body

    async def _user_body(self, user: User) -> Body:
        body = show_user(user) | {"old_numbers": await self._storage.list_old_numbers(user.id)}
        if self._secret is None:
            return body
        rotated = await self._storage.find_webhook_secret(user.id)
        newest = signing_secrets(self._secret, user.id, rotated, self._now())[0]
        return body | {"webhook_secret": newest}

    # ------------------------------------------------------------ tokens

    async def list_tokens(self, parameters: Parameters) -> Body:
        """List a user's tokens."""
        tokens = await self._storage.list_tokens(await self._user_id(parameters))
        return {
            "data": [show_token(token) for token in tokens if _is_shown(token.status, parameters)]
        }

    async def add_token(self, parameters: Parameters) -> Body:
        """Add a token, and show it this once."""
        text = new_token(self._random_bytes(24))
        declared = _without_id(parameters)
        new = NewToken(await self._user_id(parameters), token_hash(text), **declared)
        token = await self._storage.create_token(new, now=self._now())
        return show_token(token) | {"token": text}

    async def set_token_status(self, parameters: Parameters) -> Body:
        """Switch a token on or off."""
        status = STATUS[parameters["status"]]
        return show_token(await self._storage.set_token_status(_token_id(parameters), status))

    async def set_token_quota(self, parameters: Parameters) -> Body:
        """Limit what a token may spend, or lift the limit."""
        quota = parameters["remain_quota"]
        return show_token(await self._storage.set_token_quota(_token_id(parameters), quota))

    async def delete_token(self, parameters: Parameters) -> Body:
        """Delete a token permanently."""
        return show_token(await self._storage.set_token_status(_token_id(parameters), DELETED))

    # ------------------------------------------------------------ channels

    async def list_channels(self, parameters: Parameters) -> Body:
        """List channels."""
        deleted = parameters.get("deleted") == "true"
        channels = await self._storage.list_channels(with_deleted=deleted)
        used = await self._storage.sum_by_channel()
        return {
            "data": [
                show_channel(channel) | {"used_quota": used.get(channel.id, 0)}
                for channel in channels
            ]
        }

    async def add_channel(self, parameters: Parameters) -> Body:
        """Add a channel."""
        new = NewChannel(**_declared(parameters))
        check_name("name", new.name)
        channel = await self._storage.create_channel(new, now=self._now())
        self._on_channel_change()
        return show_channel(channel)

    async def replace_channel(self, parameters: Parameters) -> Body:
        """Replace all settings of a channel."""
        before, new = await self._channel(parameters), NewChannel(**_declared(parameters))
        _check_new_name(before, new.name)
        await self._check_open_tasks(before, attrs.asdict(new), parameters)
        channel = await self._storage.replace_channel(before.id, new)
        self._on_channel_change()
        return show_channel(channel)

    async def change_channel(self, parameters: Parameters) -> Body:
        """Change the given settings of a channel."""
        before, settings = await self._channel(parameters), _declared(parameters)
        _check_new_name(before, settings.get("name", before.name))
        await self._check_open_tasks(before, settings, parameters)
        channel = await self._storage.change_channel(before.id, settings)
        self._on_channel_change()
        return show_channel(channel)

    async def _check_open_tasks(
        self, before: Channel, settings: Mapping[str, Any], parameters: Parameters
    ) -> None:
        """Refuse a change after which open tasks could not be read, unless it is confirmed.

        Raises:
            RelayError: 409; the text has the number of open tasks.
        """
        after = attrs.evolve(
            before, **{name: settings[name] for name in _LEADING & settings.keys()}
        )
        keys = _fingerprints(before.api_keys) <= _fingerprints(after.api_keys)
        same = (before.base_url.rstrip("/"), before.service_label) == (
            after.base_url.rstrip("/"),
            after.service_label,
        )
        if (keys and same) or parameters.get("yes"):
            return
        if count := await self._storage.count_open_of_channel(before.id):
            raise RelayError(
                errors.OPEN_TASKS,
                f"channel {before.id} has {count} open tasks, which can be polled only at its "
                "address, with its key and under its service: without these they fail at their "
                "deadline. Add a key to the present ones, or add another channel and disable this "
                'one. To change it anyway: --yes, or in a request "yes": true',
            )

    async def delete_channel(self, parameters: Parameters) -> Body:
        """Delete a channel."""
        channel = await self._storage.delete_channel((await self._channel(parameters)).id)
        self._on_channel_change()
        return show_channel(channel)

    async def _channel(self, parameters: Parameters) -> Channel:
        """Return the channel that the path names, by id or by name.

        Raises:
            RelayError: 409 if it is the name of one channel and the number of another.
            UnknownError: There is no such channel.
        """
        number = number_of(parameters["id"])
        channels = await self._storage.list_channels(with_deleted=True)
        named = (
            channel
            for channel in channels
            if channel.name == parameters["id"] and not channel.is_deleted
        )
        numbered = (channel for channel in channels if channel.id == number)
        return resolve_name("channel", parameters["id"], next(named, None), next(numbered, None))

    # ------------------------------------------------------------ receivers of webhooks

    async def list_receivers(self, parameters: Parameters) -> Body:
        """List receivers that fail or are switched off."""
        receivers = await self._storage.list_receivers(
            after=parameters.get("after", 0), limit=_PAGE
        )
        following = receivers[-1].id if len(receivers) == _PAGE else None
        return {
            "data": [show_receiver(receiver) for receiver in receivers],
            "next_after": following,
        }

    async def set_receiver_status(self, parameters: Parameters) -> Body:
        """Switch a receiver off, or on again; the webhooks that were kept back are then sent.

        It can be repeated: a receiver that is on keeps its row until it has received something.
        """
        now = self._now()
        off_at = 0 if parameters["status"] == "enabled" else now
        receiver = await self._storage.switch_receiver(
            _number(parameters, "receiver"), off_at=off_at, now=now
        )
        if not receiver.is_off:
            await self._send_stopped(receiver)
            self._on_replay()
        return show_receiver(receiver)

    async def _send_stopped(self, receiver: Receiver) -> None:
        before: int | None = None
        while True:
            page = await self._storage.list_notices(
                state=NoticeState.STOPPED, user_id=receiver.user_id, before=before, limit=_PAGE
            )
            for notice in page:
                if host_of_url(notice.url) == receiver.host:
                    await self._storage.replay_notice(notice.event_id, now=self._now())
            if len(page) < _PAGE:
                return
            before = page[-1].id

    # ------------------------------------------------------------ inspection

    async def get_task(self, parameters: Parameters) -> Body:
        """Show a task's row."""
        row = await self._storage.find_task(parameters["id"])
        if row is None:
            raise UnknownError("task", parameters["id"][:200])
        return attrs.asdict(row)

    async def list_reports(self, parameters: Parameters) -> Body:
        """List results that were not applied."""
        reports = await self._storage.list_reports(before=parameters.get("before"))
        return {"data": [attrs.asdict(report) for report in reports]}

    async def list_notices(self, parameters: Parameters) -> Body:
        """List callbacks to users."""
        state = parameters.get("state")
        notices = await self._storage.list_notices(
            state=None if not state else NoticeState(state), before=parameters.get("before")
        )
        return {"data": [attrs.asdict(notice) for notice in notices]}

    async def replay_notice(self, parameters: Parameters) -> Body:
        """Send a callback again."""
        notice = await self._storage.replay_notice(parameters["id"], now=self._now())
        self._on_replay()
        return attrs.asdict(notice)

    async def reconcile(self, parameters: Parameters) -> Body:
        """Compare balances with the ledger."""
        rows = await self._storage.reconcile(
            parameters.get("user_id"), now=self._now(), stated=stated_quota
        )
        return {"data": [show_reconciliation(row) for row in rows]}

    async def repair(self, parameters: Parameters) -> Body:
        """Show or make the changes that make the tables keep the rules again."""
        commit = parameters.get("yes", False)
        repairs = await self._storage.repair(
            now=self._now(),
            commit=commit,
            release_deleted=parameters.get("release_deleted", False),
        )
        return {"data": [show_repair(repair, done=commit) for repair in repairs]}

    async def get_stats(self, parameters: Parameters) -> Body:
        """Totals per day, stuck tasks, slow statements."""
        now = self._now()
        days = parameters.get("days", 7)
        until = now - parameters.get("stuck_after", STUCK_AFTER)
        totals = await self._storage.stats(since=now - days * _DAY)
        stuck = await self._storage.list_stuck(created_until=until)
        slow = await self._storage.slow_statements(limit=_SLOW, running_for=_RUNNING)
        return {
            "data": [attrs.asdict(day) for day in totals],
            "stuck": [show_stuck(row) for row in stuck],
            "slow": attrs.asdict(slow),
            "process": attrs.asdict(self._storage.statistics()),
        }

    async def get_overview(self, parameters: Parameters) -> Body:
        """Show counts."""
        del parameters
        return attrs.asdict(await self._storage.summary(now=self._now()))

    def _now(self) -> int:
        return int(self._clock.now())


def _is_shown(status: int, parameters: Parameters) -> bool:
    return status != DELETED or parameters.get("deleted") == "true"


def _token_id(parameters: Parameters) -> int:
    return _number(parameters, "token")


def _number(parameters: Parameters, what: str) -> int:
    number = number_of(parameters["id"])
    if number is None:
        raise invalid("path", f"{parameters['id'][:40]!r} is not a {what} id; expected a number")
    return number


def _without_id(parameters: Parameters) -> Body:
    return {name: value for name, value in parameters.items() if name not in {"id", "yes"}}


#: The settings that decide where the tasks of a channel are read.
_LEADING: Final = frozenset({"base_url", "api_keys", "service"})


def _fingerprints(keys: str) -> frozenset[str]:
    try:
        return frozenset(key.fingerprint for key in parse_keys(keys))
    except RelayError:  # the stored keys are broken, so nothing is read with them
        return frozenset()


def _check_new_name(before: Channel, name: str) -> None:
    if name != before.name:
        check_name("name", name)


def _declared(parameters: Parameters) -> Body:
    """Return the settings of a channel as they are stored.

    Raises:
        RelayError: A key, a secret or the mapping cannot be read.
        ValueError: A text does not fit into its column.
    """
    settings = _without_id(parameters)
    if "model_mapping" in settings:
        mapping = settings["model_mapping"]
        settings["model_mapping"] = mapping if isinstance(mapping, str) else json.dumps(mapping)
    for name in _TEXTS & settings.keys():
        check_fits(name, settings[name])
    if "model_mapping" in settings:
        check_mapping(settings["model_mapping"])
    if "key" in settings:
        settings["api_keys"] = settings.pop("key")
        parse_keys(settings["api_keys"])
    if "webhook_secrets" in settings:
        check_secrets(settings["webhook_secrets"])
    if "status" in settings:
        settings["status"] = STATUS[settings["status"]]
    return settings
