"""What an operator can set of a relay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import attrs

from kling_mock.relay.domain.pricing import GuidePricing, Pricing, UnitPricing
from kling_mock.relay.domain.schedule import CREATE_LEASE

__all__ = ["RelayOptions"]

_PRICINGS: Final[dict[str, type[UnitPricing | GuidePricing]]] = {
    "units": UnitPricing,
    "guide": GuidePricing,
}


@attrs.frozen
class RelayOptions:
    """Settings of one relay process.

    Attributes:
        public_url: Scheme, host and port by which Kling reaches this relay (the guide's
            `CALLBACK_DOMAIN`); `None` asks Kling for no callbacks, and tasks end by reading.
        pricing: `units` for Kling's price list, `guide` for the formula of the guide's relay.
        plain_check: The guide's own check: the balance has to reach the price, nothing is
            held, and the balance can fall below zero.
        upstream_timeout: Seconds of real time that one call to Kling may take.
        create_lease: Seconds on the relay's clock for which the sender of a create has the
            task to itself; longer than all its attempts may take.
        callback_secret: Secret from which each user's own `whsec_` secret is derived; the
            relay's callbacks to its users are signed with that.
        callback_hosts: Hosts that the relay's callbacks may go to although their addresses
            are private; "*" is any. For tests and for services in one's own network.
        operator: Who is served the operator's API, with the admin token: `remote` is any
            computer, `local` this one only and not through a proxy, `off` nobody.
        token_bytes: Returns that many random bytes, for new tokens of users; `None` takes the
            relay's own source of ids and chance.
        reads_at_once: How many tasks the sweeper reads at a time. With 1, what comes first
            does not depend on the network.
    """

    public_url: str | None = None
    pricing: Literal["units", "guide"] = "units"
    plain_check: bool = False
    upstream_timeout: float = 30.0
    create_lease: int = CREATE_LEASE
    callback_secret: bytes = attrs.field(default=b"", repr=False)
    callback_hosts: frozenset[str] = frozenset()
    operator: Literal["remote", "local", "off"] = "remote"
    token_bytes: Callable[[int], bytes] | None = None
    reads_at_once: int = 8

    def price_list(self) -> Pricing:
        """Return the price list."""
        return _PRICINGS[self.pricing]()
