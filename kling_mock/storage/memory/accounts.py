"""Users, tokens and channels in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from kling_mock.storage.errors import ExistsError, InsufficientQuotaError, UnknownError
from kling_mock.storage.memory.tables import MemoryTables
from kling_mock.storage.money_rules import check_limit
from kling_mock.storage.text import check_fits, task_id
from kling_mock.storage.values import (
    DELETED,
    DISABLED,
    ENABLED,
    MAX_BALANCE,
    Caller,
    Channel,
    LedgerEntry,
    LedgerKind,
    NewChannel,
    NewToken,
    NewUser,
    Token,
    User,
)
from kling_mock.storage.values.accounts import check_amount, signed_amount

__all__ = ["MemoryAccounts"]


class MemoryAccounts:
    """The methods of `Storage` about users, tokens and channels."""

    def __init__(self) -> None:
        self.tables = MemoryTables()

    # ------------------------------------------------------------ users

    async def create_user(self, user: NewUser, *, now: int) -> User:
        before = await self.find_user(user.username)
        if before is not None:
            if (before.created_at, before.quota, before.status) == (now, user.quota, user.status):
                return before
            raise ExistsError("user", "username")
        made = User(
            id=self.tables.next_id("users"),
            username=user.username,
            status=user.status,
            quota=user.quota,
            held_quota=0,
            used_quota=0,
            request_count=0,
            created_at=now,
        )
        self.tables.users[made.id] = made
        self.tables.add_entry(LedgerKind.OPENING, str(made.id), made.id, user.quota, now=now)
        return made

    async def get_user(self, user_id: int) -> User:
        return self.tables.user(user_id)

    async def find_user(self, username: str) -> User | None:
        return next((u for u in self.tables.users.values() if u.username == username), None)

    async def list_users(self, *, after: int = 0, limit: int = 100) -> Sequence[User]:
        check_limit(limit)
        return [u for u in self.tables.users.values() if u.id > after][:limit]

    async def set_user_status(self, user_id: int, status: int) -> User:
        before = self.tables.user(user_id)
        if before.status == DELETED != status:
            raise UnknownError("user", user_id)
        self.tables.users[user_id] = user = attrs.evolve(before, status=status)
        return user

    async def credit(
        self, user_id: int, amount: int, *, reference: str, now: int, note: str = ""
    ) -> LedgerEntry:
        check_fits("note", note, 255)
        signed_amount(amount)
        before = self.tables.ledger.get((LedgerKind.CREDIT, task_id(reference)))
        if before is not None:
            if (before.user_id, before.amount) != (user_id, amount):
                raise ExistsError("credit", "reference")
            return before
        user = self.tables.living_user(user_id)
        if user.quota + amount > MAX_BALANCE:
            raise ValueError(f"a balance is at most {MAX_BALANCE}")
        if user.available + amount < 0:
            raise InsufficientQuotaError("user", -amount, user.available)
        self.tables.users[user_id] = attrs.evolve(user, quota=user.quota + amount)
        return self.tables.add_entry(
            LedgerKind.CREDIT, reference, user_id, amount, note=note, now=now
        )

    async def list_ledger(
        self, user_id: int, *, before: int | None = None, limit: int = 100
    ) -> Sequence[LedgerEntry]:
        check_limit(limit)
        mine = [
            entry
            for entry in reversed(self.tables.ledger.values())
            if entry.user_id == user_id and (before is None or entry.id < before)
        ]
        return mine[:limit]

    async def find_charge(self, task_id: str) -> LedgerEntry | None:
        return self.tables.ledger.get((LedgerKind.CHARGE, task_id))

    # ------------------------------------------------------------ tokens

    async def create_token(self, token: NewToken, *, now: int) -> Token:
        self.tables.living_user(token.user_id)
        for one in self.tables.tokens.values():
            if one.token_hash == token.token_hash:
                if (one.user_id, one.name, one.created_at) == (token.user_id, token.name, now):
                    return one
                raise ExistsError("token", "hash")
        made = Token(
            id=self.tables.next_id("tokens"),
            user_id=token.user_id,
            token_hash=token.token_hash,
            name=token.name,
            status=ENABLED,
            expires_at=token.expires_at,
            unlimited=token.remain_quota is None,
            remain_quota=token.remain_quota or 0,
            held_quota=0,
            used_quota=0,
            created_at=now,
        )
        self.tables.tokens[made.id] = made
        return made

    async def authenticate(self, token_hash: str) -> Caller | None:
        for token in self.tables.tokens.values():
            if token.token_hash == token_hash:
                return Caller(self.tables.users[token.user_id], token)
        return None

    async def list_tokens(self, user_id: int) -> Sequence[Token]:
        return [token for token in self.tables.tokens.values() if token.user_id == user_id]

    async def set_token_status(self, token_id: int, status: int) -> Token:
        before = self.tables.token(token_id)
        if before.status == DELETED != status:
            raise UnknownError("token", token_id)
        self.tables.tokens[token_id] = token = attrs.evolve(before, status=status)
        return token

    async def set_token_quota(self, token_id: int, remain_quota: int | None) -> Token:
        if remain_quota is not None:
            check_amount("remain_quota", remain_quota)
        token = self.tables.token(token_id)
        if token.status == DELETED:
            raise UnknownError("token", token_id)
        if remain_quota is not None and remain_quota < token.held_quota:
            raise InsufficientQuotaError("token", token.held_quota, remain_quota)
        token = attrs.evolve(token, unlimited=remain_quota is None, remain_quota=remain_quota or 0)
        self.tables.tokens[token_id] = token
        return token

    # ------------------------------------------------------------ channels

    async def create_channel(self, channel: NewChannel, *, now: int) -> Channel:
        settings = attrs.asdict(channel)
        for one in await self.list_channels():
            if one.name == channel.name:
                if one.created_at == now and settings.items() <= attrs.asdict(one).items():
                    return one
                raise ExistsError("channel", "name")
        made = Channel(
            **settings,
            id=self.tables.next_id("channels"),
            used_quota=0,
            created_at=now,
            deleted_id=0,
        )
        self.tables.channels[made.id] = made
        return made

    async def get_channel(self, channel_id: int) -> Channel:
        return self.tables.channel(channel_id)

    async def list_channels(self, *, with_deleted: bool = False) -> Sequence[Channel]:
        return [one for one in self.tables.channels.values() if with_deleted or not one.is_deleted]

    async def replace_channel(self, channel_id: int, channel: NewChannel) -> Channel:
        before = self.tables.channel(channel_id)
        if before.is_deleted:
            raise UnknownError("channel", channel_id)
        self._check_free(channel.name, channel_id)
        self.tables.channels[channel_id] = after = attrs.evolve(before, **attrs.asdict(channel))
        return after

    async def change_channel(self, channel_id: int, settings: Mapping[str, Any]) -> Channel:
        before = self.tables.channel(channel_id)
        declared = {field.name: getattr(before, field.name) for field in attrs.fields(NewChannel)}
        return await self.replace_channel(channel_id, NewChannel(**declared | dict(settings)))

    async def delete_channel(self, channel_id: int) -> Channel:
        channel = attrs.evolve(
            self.tables.channel(channel_id), status=DISABLED, deleted_id=channel_id
        )
        self.tables.channels[channel_id] = channel
        return channel

    def _check_free(self, name: str, own_id: int) -> None:
        for one in self.tables.channels.values():
            if one.name == name and not one.is_deleted and one.id != own_id:
                raise ExistsError("channel", "name")
