"""What the operator can do: users, tokens, channels, and looking into what happened.

JSON over HTTP under `/__kling/relay/`, with the admin token as Bearer. Keys and secrets go in and
never come out; a token is shown once, when it is made.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

import attrs

from kling_mock.clock import Clock
from kling_mock.relay import errors
from kling_mock.relay.channels import check_mapping, check_secrets, keys_of
from kling_mock.relay.directory import Directory
from kling_mock.relay.errors import RelayError, invalid
from kling_mock.relay.notices import user_secret
from kling_mock.relay.routes import split_admin
from kling_mock.relay.tokens import new_token, token_hash
from kling_mock.storage.errors import (
    ExistsError,
    InsufficientQuotaError,
    StorageError,
    StorageUnavailableError,
    UnknownError,
)
from kling_mock.storage.protocol import Storage
from kling_mock.storage.values import (
    DISABLED,
    ENABLED,
    Channel,
    NewChannel,
    NewToken,
    NewUser,
    NoticeState,
    Token,
    User,
)

__all__ = ["RelayAdmin"]

_DAY: Final = 86_400
_PAGE: Final = 100
_STATUS: Final = {"enabled": ENABLED, "disabled": DISABLED}
_NAMES: Final = {number: name for name, number in _STATUS.items()}

Body = dict[str, Any]


class Ask(NamedTuple):
    """One request of the operator.

    Attributes:
        key: What is named in the path; "" if nothing is.
        query: The query.
        body: The JSON object.
    """

    key: str
    query: Mapping[str, str]
    body: Mapping[str, Any]

    def number(self) -> int:
        """Return the id in the path."""
        if not (self.key.isascii() and self.key.isdigit() and len(self.key) < 19):
            raise invalid("path", f"{self.key[:40]!r} is no id; accepted is a number")
        return int(self.key)


Do = Callable[[Ask], Awaitable[Body]]


class RelayAdmin:
    """The operator's API.

    Args:
        storage: Where everything is kept.
        directory: Told when channels change.
        clock: The time.
        token: The admin token.
        secret: From which users' webhook secrets are derived.
        random_bytes: Returns that many random bytes, for new tokens.
        told: Called when a notice is to be sent again.
    """

    def __init__(
        self,
        storage: Storage,
        directory: Directory,
        clock: Clock,
        token: str,
        secret: bytes,
        random_bytes: Callable[[int], bytes],
        told: Callable[[], None],
    ) -> None:
        self._storage = storage
        self._directory = directory
        self._clock = clock
        self._token = token.encode()
        self._secret = secret
        self._random_bytes = random_bytes
        self._told = told
        # method and path, "*" for an id -> what is done
        self._routes: Mapping[tuple[str, str], Do] = {
            ("GET", "users"): self._users,
            ("POST", "users"): self._add_user,
            ("GET", "users/*"): self._user,
            ("POST", "users/*/status"): self._set_user_status,
            ("POST", "users/*/credit"): self._credit,
            ("GET", "users/*/ledger"): self._ledger,
            ("GET", "users/*/tokens"): self._tokens,
            ("POST", "users/*/tokens"): self._add_token,
            ("POST", "tokens/*/status"): self._set_token_status,
            ("POST", "tokens/*/quota"): self._set_token_quota,
            ("GET", "channels"): self._channels,
            ("POST", "channels"): self._add_channel,
            ("PUT", "channels/*"): self._replace_channel,
            ("DELETE", "channels/*"): self._delete_channel,
            ("GET", "tasks/*"): self._task,
            ("GET", "reports"): self._reports,
            ("GET", "notices"): self._notices,
            ("POST", "notices/*/replay"): self._replay,
            ("GET", "reconcile"): self._reconcile,
            ("GET", "stats"): self._stats,
            ("GET", "overview"): self._overview,
        }

    async def __call__(
        self, method: str, path: str, query: Mapping[str, str], raw: bytes, header: str | None
    ) -> tuple[int, Body]:
        """Answer the operator.

        Args:
            method: The HTTP method.
            path: What follows `/__kling/relay/`.
            query: The query.
            raw: The body; empty is an empty object.
            header: The `Authorization` header.

        Raises:
            RelayError: It is not the operator, or not what is accepted.
        """
        self.check(header)
        route, key = split_admin(path)
        do = self._routes.get((method, route))
        if do is None:
            accepted = ", ".join(f"{method} {path}" for method, path in self._routes)
            raise RelayError(errors.NOT_FOUND, f"there is no {method} {route[:60]}; {accepted}")
        try:
            return 200, await do(Ask(key, query, _object(raw)))
        except UnknownError as error:
            raise RelayError(errors.NOT_FOUND, str(error)) from None
        except ExistsError as error:
            raise RelayError(errors.CONFLICT, str(error)) from None
        except InsufficientQuotaError as error:
            raise RelayError(errors.NO_QUOTA, str(error)) from None
        except StorageUnavailableError:
            raise
        except (StorageError, ValueError, TypeError) as error:
            raise RelayError(errors.INVALID, str(error)) from None

    def check(self, header: str | None) -> None:
        """Check an `Authorization` header.

        Raises:
            RelayError: 401 if it does not hold the admin token.
        """
        given = (header or "").partition(" ")[2].strip().encode()
        if not hmac.compare_digest(given, self._token):
            raise RelayError(errors.BAD_TOKEN, "the admin token is missing or wrong")

    # ------------------------------------------------------------ users

    async def _users(self, ask: Ask) -> Body:
        after = int(ask.query.get("after", "0"))
        users = await self._storage.list_users(after=after, limit=_PAGE)
        return {"data": [self._show_user(user) for user in users]}

    async def _user(self, ask: Ask) -> Body:
        return self._show_user(await self._storage.get_user(ask.number()))

    async def _add_user(self, ask: Ask) -> Body:
        user = NewUser(**_given(ask.body, "username", "quota"))
        return self._show_user(await self._storage.create_user(user, now=self._now()))

    async def _set_user_status(self, ask: Ask) -> Body:
        user = await self._storage.set_user_status(ask.number(), _status(ask.body))
        return self._show_user(user)

    async def _credit(self, ask: Ask) -> Body:
        given = _given(ask.body, "amount", "reference", "note")
        entry = await self._storage.credit(ask.number(), now=self._now(), **given)
        return attrs.asdict(entry)

    async def _ledger(self, ask: Ask) -> Body:
        before = ask.query.get("before")
        entries = await self._storage.list_ledger(
            ask.number(), before=None if before is None else int(before), limit=_PAGE
        )
        return {"data": [attrs.asdict(entry) for entry in entries]}

    def _show_user(self, user: User) -> Body:
        secret = user_secret(self._secret, user.id)
        return attrs.asdict(user) | {"status": _NAMES[user.status], "webhook_secret": secret}

    # ------------------------------------------------------------ tokens

    async def _tokens(self, ask: Ask) -> Body:
        tokens = await self._storage.list_tokens(ask.number())
        return {"data": [_show_token(token) for token in tokens]}

    async def _add_token(self, ask: Ask) -> Body:
        given = _given(ask.body, "name", "remain_quota", "expires_at")
        text = new_token(self._random_bytes(24))
        wanted = NewToken(ask.number(), token_hash(text), **given)
        token = await self._storage.create_token(wanted, now=self._now())
        return _show_token(token) | {"token": text}

    async def _set_token_status(self, ask: Ask) -> Body:
        status = _status(ask.body)
        return _show_token(await self._storage.set_token_status(ask.number(), status))

    async def _set_token_quota(self, ask: Ask) -> Body:
        quota = _given(ask.body, "remain_quota").get("remain_quota")
        return _show_token(await self._storage.set_token_quota(ask.number(), quota))

    # ------------------------------------------------------------ channels

    async def _channels(self, ask: Ask) -> Body:
        deleted = ask.query.get("deleted") == "true"
        channels = await self._storage.list_channels(with_deleted=deleted)
        return {"data": [_show_channel(channel) for channel in channels]}

    async def _add_channel(self, ask: Ask) -> Body:
        channel = await self._storage.create_channel(_new_channel(ask.body), now=self._now())
        self._directory.forget()
        return _show_channel(channel)

    async def _replace_channel(self, ask: Ask) -> Body:
        channel = await self._storage.replace_channel(ask.number(), _new_channel(ask.body))
        self._directory.forget()
        return _show_channel(channel)

    async def _delete_channel(self, ask: Ask) -> Body:
        channel = await self._storage.delete_channel(ask.number())
        self._directory.forget()
        return _show_channel(channel)

    # ------------------------------------------------------------ looking into it

    async def _task(self, ask: Ask) -> Body:
        row = await self._storage.find_task(ask.key)
        if row is None:
            raise UnknownError("task", ask.key)
        return attrs.asdict(row)

    async def _reports(self, ask: Ask) -> Body:
        before = ask.query.get("before")
        found = await self._storage.list_reports(before=None if before is None else int(before))
        return {"data": [attrs.asdict(report) for report in found]}

    async def _notices(self, ask: Ask) -> Body:
        state = ask.query.get("state")
        found = await self._storage.list_notices(state=None if not state else NoticeState(state))
        return {"data": [attrs.asdict(notice) for notice in found]}

    async def _replay(self, ask: Ask) -> Body:
        notice = await self._storage.replay_notice(ask.key, now=self._now())
        self._told()
        return attrs.asdict(notice)

    async def _reconcile(self, ask: Ask) -> Body:
        user = ask.query.get("user_id")
        rows = await self._storage.reconcile(None if user is None else int(user))
        return {"data": [show_reconciliation(row) for row in rows]}

    async def _stats(self, ask: Ask) -> Body:
        days = int(ask.query.get("days", "7"))
        totals = await self._storage.stats(since=self._now() - days * _DAY)
        return {"data": [attrs.asdict(day) for day in totals]}

    async def _overview(self, ask: Ask) -> Body:
        del ask
        return attrs.asdict(await self._storage.overview(now=self._now()))

    def _now(self) -> int:
        return int(self._clock.now())


def show_reconciliation(row: Any) -> Body:
    """Return a `Reconciliation` as JSON, with what follows from it."""
    shown: Body = attrs.asdict(row)
    shown["difference"] = row.difference
    shown["held_difference"] = row.held_difference
    shown["is_explained"] = row.is_explained
    return shown


def _object(raw: bytes) -> Mapping[str, Any]:
    if not raw:
        return {}
    try:
        found: Any = json.loads(raw)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise invalid("body", "accepted is a JSON object")
    return found


def _given(body: Mapping[str, Any], *names: str) -> Body:
    unknown = [name for name in body if name not in names]
    if unknown:
        raise invalid(unknown[0][:40], f"is unknown; accepted: {', '.join(names)}")
    return dict(body)


def _status(body: Mapping[str, Any]) -> int:
    status = _STATUS.get(str(_given(body, "status").get("status")))
    if status is None:
        raise invalid("status", f"accepted: {', '.join(_STATUS)}")
    return status


def _new_channel(body: Mapping[str, Any]) -> NewChannel:
    given = _given(
        body,
        "name",
        "base_url",
        "key",
        "model_mapping",
        "models",
        "webhook_secrets",
        "priority",
        "weight",
        "status",
        "type",
    )
    given["api_keys"] = str(given.pop("key", ""))
    keys_of(given["api_keys"])
    mapping = given.get("model_mapping", "")
    given["model_mapping"] = mapping if isinstance(mapping, str) else json.dumps(mapping)
    check_mapping(given["model_mapping"])
    if "webhook_secrets" in given:
        given["webhook_secrets"] = check_secrets(str(given["webhook_secrets"]))
    if "status" in given:
        given["status"] = _status({"status": given["status"]})
    return NewChannel(**given)


def _show_token(token: Token) -> Body:
    shown = attrs.asdict(token, filter=lambda field, _: field.name != "token_hash")
    return shown | {"status": _NAMES[token.status]}


def _show_channel(channel: Channel) -> Body:
    secret = {"api_keys", "webhook_secrets"}
    shown = attrs.asdict(channel, filter=lambda field, _: field.name not in secret)
    return shown | {
        "status": _NAMES.get(channel.status, channel.status),
        "keys": [key.fingerprint for key in keys_of(channel.api_keys)],
        "webhook_secrets": len(channel.webhook_secrets.split()),
    }
