"""A throw-away authority for the sandbox's TLS, and its certificate for clients to trust."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import trustme

from rf_sandbox.store import damaged, write_private

_NAMES = ("localhost", "127.0.0.1", "::1")
_MOST_NAMES = 1_024


class Authority:
    """Makes TLS contexts that trust in `path` recognizes.

    One that `keeps` is the same the next time, so that clients go on trusting it.

    Names under `localhost` get a certificate each when they are first asked for: a wildcard
    directly under a top-level name is valid to no client.
    """

    def __init__(self, folder: Path, *, keeps: bool = False) -> None:
        self.path = folder / "sandbox-ca.pem"
        key = folder / "sandbox-ca-key.pem"
        if keeps and self.path.exists() and key.exists():
            self._authority = _kept(self.path, key)
        else:
            self._authority = trustme.CA(organization_name="sandbox authority")
            if keeps:
                write_private(key, self._authority.private_key_pem.bytes())
            write_private(self.path, self._authority.cert_pem.bytes())
        self._own = self._authority.issue_cert(*_NAMES)
        self._context_of = lru_cache(maxsize=_MOST_NAMES)(self._issue)

    def context(self, refuses: Callable[[str], bool] | None = None) -> ssl.SSLContext:
        """Return a server's context.

        Args:
            refuses: Asked at each handshake with the name it is for ("" without one); where it
                says yes, the handshake fails.
        """

        def choose(
            connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _of: ssl.SSLSocket
        ) -> int | None:
            lowered = (name or "").lower()
            if refuses is not None and refuses(lowered):
                return ssl.ALERT_DESCRIPTION_HANDSHAKE_FAILURE
            if lowered.endswith(".localhost"):
                try:
                    connection.context = self._context_of(lowered)
                except ValueError:
                    return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
            return None

        context = _context(self._own)
        context.set_servername_callback(choose)
        return context

    def _issue(self, name: str) -> ssl.SSLContext:
        return _context(self._authority.issue_cert(name))


def _kept(path: Path, key: Path) -> trustme.CA:
    try:
        return trustme.CA.from_pem(path.read_bytes(), key.read_bytes())
    except ValueError as error:
        raise damaged(path, error) from None


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
