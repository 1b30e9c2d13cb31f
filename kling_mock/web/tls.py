"""TLS of a server, and clients that trust its certificate."""

from __future__ import annotations

import re
import ssl
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from kling_mock.web.values import as_text

_FIRST: Final = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def server_context(cert: str | None, key: str | None) -> ssl.SSLContext | None:
    """Return the TLS context of a server; `None` without a certificate.

    Args:
        cert: Path of a PEM file that begins with the server's certificate.
        key: Path of its key; `None` if it is in the same file.

    Raises:
        ValueError: A key is given without a certificate, or an argument is not a path.
        OSError: A file cannot be read, or does not contain what it should.
    """
    if cert is None:
        if key is not None:
            raise ValueError("tls_key: must come with tls_cert")
        return None
    as_text("tls_cert", cert, can_be_empty=False)
    if key is not None:
        as_text("tls_key", key, can_be_empty=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key)
    except OSError as error:
        raise OSError(
            error.errno,
            "tls_cert: must be the path of a PEM certificate, whose key is in the same file or in "
            f"that of tls_key; {cert!r} cannot be used: {error.strerror or error}",
        ) from error
    return context


class ServerCertificate:
    """The certificate of one server, by which its clients recognize it.

    Args:
        path: A PEM file that begins with it.

    Raises:
        OSError: It cannot be read.
        ValueError: It does not contain a certificate.
    """

    def __init__(self, path: str) -> None:
        match = _FIRST.search(Path(path).read_text("utf-8", "replace"))
        if match is None:
            raise ValueError(f"tls_cert: {path} must have a certificate in PEM; it has none")
        self._pem = match[0]

    def __getstate__(self) -> dict[str, Any]:
        return {"_pem": self._pem}  # a context cannot be pickled

    @cached_property
    def client_context(self) -> ssl.SSLContext:
        """A client's TLS context that trusts only this certificate, not any authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # The certificate itself is compared, so the names in it decide nothing: a certificate for
        # "localhost" may serve calls of 127.0.0.1.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        # A certificate that an authority has issued is trusted by itself, too.
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=self._pem)
        return context
