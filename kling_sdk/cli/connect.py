"""The client of a command: keys and addresses of the environment, or a relay."""

from __future__ import annotations

from collections.abc import Mapping

from kling_sdk.cli.exits import MissingKeyError, OptionError
from kling_sdk.client.clients import Kling
from kling_sdk.wire.v1 import REGIONS

_NO_KEY = """there is no key. Set the key pair of your account, or its API key:
  export KLING_ACCESS_KEY=...   KLING_SECRET_KEY=...
  export KLING_API_KEY=...
or use a relay: --relay URL"""
_NO_RELAY_KEY = """there is no token for the relay. Set it in the environment; no option takes it:
  export KLING_RELAY_TOKEN=sk-..."""


def connect(relay: str | None, environment: Mapping[str, str]) -> Kling:
    """Return the client that a command uses.

    Args:
        relay: The URL of a relay, or None for Kling itself.
        environment: The variables with the keys, the token and Kling's address.

    Raises:
        MissingKeyError: there is no key, or no token.
        OptionError: the URL is invalid, or a text cannot be a key.
    """
    token = environment.get("KLING_RELAY_TOKEN", "").strip()
    pair = environment.get("KLING_ACCESS_KEY") and environment.get("KLING_SECRET_KEY")
    if relay is not None and not token:
        raise MissingKeyError(_NO_RELAY_KEY)
    if relay is None and not (pair or environment.get("KLING_API_KEY")):
        raise MissingKeyError(_NO_KEY)
    try:
        return Kling() if relay is None else Kling.relay(relay, token)
    except ValueError as error:
        raise OptionError(str(error)) from error


def where_the_key_went(relay: str | None, environment: Mapping[str, str]) -> str:
    """Return what to check when a key is not accepted: its variables, and the server.

    Args:
        relay: As in `connect`, which has accepted both arguments.
        environment: As in `connect`.
    """
    if relay is not None:
        names, server = ["KLING_RELAY_TOKEN"], relay
    else:
        known = ("KLING_ACCESS_KEY", "KLING_SECRET_KEY", "KLING_API_KEY")
        names = [name for name in known if environment.get(name)]
        region = environment.get("KLING_REGION", "").strip() or "global"
        server = environment.get("KLING_BASE_URL", "").strip() or REGIONS[region]
    return (
        f"{server} does not accept the key in {', '.join(names)}; check that it is a key of that "
        "server, and copied whole"
    )
