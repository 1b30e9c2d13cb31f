"""Services: channels of one service lead to the same upstream, and share its task ids."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

import attrs

from kling_mock.relay.storage.text import fit

#: Characters of a service's label.
MAX_SERVICE: Final = 255
#: The pattern of an operator's label; "" stands for the host of the channel's base URL.
SERVICE_PATTERN: Final = r"^[a-z0-9._:\[\]-]*$"

_LABEL: Final = re.compile(SERVICE_PATTERN.removeprefix("^").removesuffix("$"))
_PORTS: Final = {"http": 80, "https": 443}


def check_service(value: str) -> None:
    """Check an operator's label; "" is the host of the base URL.

    Raises:
        ValueError: It is too long, or has other characters.
    """
    if len(value) > MAX_SERVICE or _LABEL.fullmatch(value) is None:
        raise ValueError(
            f"service: must have at most {MAX_SERVICE} characters, each one of a-z, 0-9 and"
            f" . _ : [ ] - ; empty is the host of base_url; has {len(value)} characters"
        )


def service_at(base_url: str, channel_id: int) -> str:
    """Return the service of a channel without a label: the host that its base URL names.

    Args:
        base_url: The base URL of the channel.
        channel_id: The channel. One whose base URL names no host is a service of its own, with
            a name that no label can be.

    Returns:
        The host in lower case, with the port if it is not the scheme's own.
    """
    try:
        parts = urlsplit(base_url.strip())
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return f"channel {channel_id}"
    if not host:
        return f"channel {channel_id}"
    name = f"[{host}]" if ":" in host else host
    return fit(name if port in {None, _PORTS.get(parts.scheme)} else f"{name}:{port}", MAX_SERVICE)


@attrs.frozen
class SentTask:
    """A task that has an upstream id, with the fields that an upgrade needs.

    Attributes:
        id: Its number.
        task_id: Its id.
        kling_task_id: Its upstream id.
        channel_id: The channel that it was sent through.
        service: The service that is recorded, or None.
        status: Its status.
        legacy: Whether a migration brought it in, so that it is never charged.
        quota: What it was charged if it has succeeded, else its price.
    """

    id: int
    task_id: str
    kling_task_id: str
    channel_id: int
    service: str | None
    status: str
    legacy: bool = attrs.field(converter=bool)
    quota: int

    @property
    def is_charged(self) -> bool:
        """Whether the task was charged."""
        return self.status == "succeed" and not self.legacy


@attrs.frozen
class ServiceClash:
    """Tasks that have the same upstream id of the same service.

    Attributes:
        service: The service.
        tasks: The tasks. The first has the service recorded: one that was charged, if there is
            any. The others have none, so they are not charged any more.
    """

    service: str
    tasks: tuple[SentTask, ...]
