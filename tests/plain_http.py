"""For clients that speak plain HTTP: the system's certificates are not loaded, 6 ms each time."""

from __future__ import annotations

import ssl
from typing import Final

#: httpx's `verify` of a client that never connects by TLS; it does not trust any certificate.
NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
