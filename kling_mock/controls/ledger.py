"""The money of a server's relay, for tests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from kling_mock.controls.attributes import KnownAttributes

if TYPE_CHECKING:
    from kling_mock.relay.storage.sql_storage import Storage
    from kling_mock.relay.storage.values import LateReport, LedgerEntry, Reconciliation, User

T = TypeVar("T")
Run = Callable[[Callable[["Storage"], Awaitable[Any]]], Any]


class LedgerHandle(KnownAttributes):
    """The balances and holds of the relay's users, and their ledger entries.

    Amounts are in quota: 500 000 are one US dollar, 70 000 are one unit of Kling.

    Args:
        run: Runs a function on the relay's store and returns the result.
        now: Returns the time in whole Unix seconds.
    """

    def __init__(self, run: Run, now: Callable[[], int]) -> None:
        self._run = run
        self._now = now

    def user(self, username: str = "default") -> User:
        """Return a user: `quota` is the balance, `held_quota` what open tasks may still cost.

        Raises:
            KeyError: There is no user of that name.
        """
        user: User | None = self._run(lambda storage: storage.find_user(username))
        if user is None:
            raise KeyError(f"There is no user {username!r} at the relay.")
        return user

    def credit(self, amount: int, username: str = "default") -> None:
        """Add *amount* to a user's balance; a negative amount is subtracted.

        Raises:
            ValueError: *amount* is not a whole number.
            KeyError: There is no user of that name.
            InsufficientQuotaError: It would subtract more than the quota that is neither spent
                nor held.
        """
        if type(amount) is not int:
            raise ValueError(f"amount: must be a whole number of quota, got {amount!r}")
        user = self.user(username)
        count = len(self.entries(username))
        reference = f"test-{user.id}-{count}"
        self._run(
            lambda storage: storage.credit(user.id, amount, reference=reference, now=self._now())
        )

    def entries(self, username: str = "default") -> Sequence[LedgerEntry]:
        """Return the newest 1000 ledger entries of a user, the newest first."""
        user = self.user(username)
        entries: Sequence[LedgerEntry] = self._run(
            lambda storage: storage.list_ledger(user.id, limit=1000)
        )
        return entries

    def reports(self) -> Sequence[LateReport]:
        """Return results that were not applied, being too late or contradictory."""
        reports: Sequence[LateReport] = self._run(lambda storage: storage.list_reports())
        return reports

    def reconcile(self) -> Sequence[Reconciliation]:
        """Return, for each user, whether the ledger explains the balance."""
        from kling_mock.relay.domain.stored_values import stated_quota  # loads the SDK

        reconciliations: Sequence[Reconciliation] = self._run(
            lambda storage: storage.reconcile(stated=stated_quota)
        )
        return reconciliations

    def assert_balanced(self) -> None:
        """Check that the ledger explains every balance and hold, and that no row breaks a rule.

        Raises:
            AssertionError: The check failed; the text says where.
        """
        problems = [_problem(row) for row in self.reconcile() if not row.is_explained]
        if problems:
            raise AssertionError("The relay's ledger is not balanced:\n" + "\n".join(problems))

    def __repr__(self) -> str:
        return "<Ledger of the relay's users>"  # reading it could build the relay


def _problem(row: Reconciliation) -> str:
    rows = "; ".join(
        f"{violation.rule}: {violation.row}: {violation.why} ({violation.quota})"
        for violation in row.unexplained
    )
    return (
        f"user {row.username!r}: opening {row.opening} + credits {row.credits} - charged"
        f" {row.charged} differs from the balance {row.quota} by {row.difference}; held {row.held},"
        f" open holds {row.open_holds}; {rows or 'no single row is to blame'}"
    )
