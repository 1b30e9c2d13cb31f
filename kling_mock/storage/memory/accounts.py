"""Users, tokens and channels in memory."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from kling_mock.storage.errors import ExistsError, InsufficientQuotaError, UnknownError
from kling_mock.storage.memory.state import State
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
from kling_mock.storage.values.money import check_amount, signed_amount

__all__ = ["MemoryAccounts"]


class MemoryAccounts:
    """The methods of `Storage` about users, tokens and channels."""

    def __init__(self) -> None:
        self.state = State()

    # ------------------------------------------------------------ users

    async def create_user(self, user: NewUser, *, now: int) -> User:
        """See `Storage.create_user`."""
        before = await self.find_user(user.username)
        if before is not None:
            if (before.created_at, before.quota, before.status) == (now, user.quota, user.status):
                return before
            raise ExistsError("user", "username")
        made = User(
            id=self.state.next_id("users"),
            username=user.username,
            status=user.status,
            quota=user.quota,
            held_quota=0,
            used_quota=0,
            request_count=0,
            created_at=now,
        )
        self.state.users[made.id] = made
        self.state.book(LedgerKind.OPENING, str(made.id), made.id, user.quota, now=now)
        return made

    async def get_user(self, user_id: int) -> User:
        """See `Storage.get_user`."""
        return self.state.user(user_id)

    async def find_user(self, username: str) -> User | None:
        """See `Storage.find_user`."""
        return next((u for u in self.state.users.values() if u.username == username), None)

    async def list_users(self, *, after: int = 0, limit: int = 100) -> Sequence[User]:
        """See `Storage.list_users`."""
        check_limit(limit)
        return [u for u in self.state.users.values() if u.id > after][:limit]

    async def set_user_status(self, user_id: int, status: int) -> User:
        """See `Storage.set_user_status`."""
        before = self.state.user(user_id)
        if before.status == DELETED != status:
            raise UnknownError("user", user_id)
        self.state.users[user_id] = user = attrs.evolve(before, status=status)
        return user

    async def credit(
        self, user_id: int, amount: int, *, reference: str, now: int, note: str = ""
    ) -> LedgerEntry:
        """See `Storage.credit`."""
        check_fits("note", note, 255)
        signed_amount(amount)
        before = self.state.ledger.get((LedgerKind.CREDIT, task_id(reference)))
        if before is not None:
            if (before.user_id, before.amount) != (user_id, amount):
                raise ExistsError("user", "credit reference")
            return before
        user = self.state.user(user_id)
        if user.quota + amount > MAX_BALANCE:
            raise ValueError(f"a balance is at most {MAX_BALANCE}")
        if user.available + amount < 0:
            raise InsufficientQuotaError("user", -amount, user.available)
        self.state.users[user_id] = attrs.evolve(user, quota=user.quota + amount)
        return self.state.book(LedgerKind.CREDIT, reference, user_id, amount, note=note, now=now)

    async def list_ledger(
        self, user_id: int, *, before: int | None = None, limit: int = 100
    ) -> Sequence[LedgerEntry]:
        """See `Storage.list_ledger`."""
        check_limit(limit)
        mine = [
            entry
            for entry in reversed(self.state.ledger.values())
            if entry.user_id == user_id and (before is None or entry.id < before)
        ]
        return mine[:limit]

    async def find_charge(self, task_id: str) -> LedgerEntry | None:
        """See `Storage.find_charge`."""
        return self.state.ledger.get((LedgerKind.CHARGE, task_id))

    # ------------------------------------------------------------ tokens

    async def create_token(self, token: NewToken, *, now: int) -> Token:
        """See `Storage.create_token`."""
        self.state.user(token.user_id)
        for one in self.state.tokens.values():
            if one.token_hash == token.token_hash:
                if (one.user_id, one.name, one.created_at) == (token.user_id, token.name, now):
                    return one
                raise ExistsError("token", "hash")
        made = Token(
            id=self.state.next_id("tokens"),
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
        self.state.tokens[made.id] = made
        return made

    async def authenticate(self, token_hash: str) -> Caller | None:
        """See `Storage.authenticate`."""
        for token in self.state.tokens.values():
            if token.token_hash == token_hash:
                return Caller(self.state.users[token.user_id], token)
        return None

    async def list_tokens(self, user_id: int) -> Sequence[Token]:
        """See `Storage.list_tokens`."""
        return [token for token in self.state.tokens.values() if token.user_id == user_id]

    async def set_token_status(self, token_id: int, status: int) -> Token:
        """See `Storage.set_token_status`."""
        before = self.state.token(token_id)
        if before.status == DELETED != status:
            raise UnknownError("token", token_id)
        self.state.tokens[token_id] = token = attrs.evolve(before, status=status)
        return token

    async def set_token_quota(self, token_id: int, remain_quota: int | None) -> Token:
        """See `Storage.set_token_quota`."""
        if remain_quota is not None:
            check_amount("remain_quota", remain_quota)
        token = self.state.token(token_id)
        if remain_quota is not None and remain_quota < token.held_quota:
            raise InsufficientQuotaError("token", token.held_quota, remain_quota)
        token = attrs.evolve(token, unlimited=remain_quota is None, remain_quota=remain_quota or 0)
        self.state.tokens[token_id] = token
        return token

    # ------------------------------------------------------------ channels

    async def create_channel(self, channel: NewChannel, *, now: int) -> Channel:
        """See `Storage.create_channel`."""
        said = attrs.asdict(channel)
        for one in await self.list_channels():
            if one.name == channel.name:
                if one.created_at == now and said.items() <= attrs.asdict(one).items():
                    return one
                raise ExistsError("channel", "name")
        made = Channel(
            **said,
            id=self.state.next_id("channels"),
            used_quota=0,
            created_at=now,
            deleted_id=0,
        )
        self.state.channels[made.id] = made
        return made

    async def get_channel(self, channel_id: int) -> Channel:
        """See `Storage.get_channel`."""
        return self.state.channel(channel_id)

    async def list_channels(self, *, with_deleted: bool = False) -> Sequence[Channel]:
        """See `Storage.list_channels`."""
        return [one for one in self.state.channels.values() if with_deleted or not one.is_deleted]

    async def replace_channel(self, channel_id: int, channel: NewChannel) -> Channel:
        """See `Storage.replace_channel`."""
        before = self.state.channel(channel_id)
        if before.is_deleted:
            raise UnknownError("channel", channel_id)
        self._check_free(channel.name, channel_id)
        self.state.channels[channel_id] = after = attrs.evolve(before, **attrs.asdict(channel))
        return after

    async def delete_channel(self, channel_id: int) -> Channel:
        """See `Storage.delete_channel`."""
        channel = attrs.evolve(
            self.state.channel(channel_id), status=DISABLED, deleted_id=channel_id
        )
        self.state.channels[channel_id] = channel
        return channel

    def _check_free(self, name: str, own_id: int) -> None:
        for one in self.state.channels.values():
            if one.name == name and not one.is_deleted and one.id != own_id:
                raise ExistsError("channel", "name")
