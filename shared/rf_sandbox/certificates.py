"""A throw-away authority for the site's TLS, and its certificate for clients to trust."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path

import trustme

_NAMES = ("localhost", "127.0.0.1", "::1")
_MOST_NAMES = 1_024


def make_certificates(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return the site's TLS context and the path of the authority's certificate in `folder`.

    Names under `localhost` get a certificate each when they are first asked for: a wildcard
    directly under a top-level name is valid to no client.
    """
    authority = trustme.CA(organization_name="sandbox authority")
    path = folder / "sandbox-ca.pem"
    authority.cert_pem.write_to_path(str(path))

    @lru_cache(maxsize=_MOST_NAMES)
    def context_of(*names: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names).configure_cert(context)
        return context

    def choose(
        connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _of: ssl.SSLSocket
    ) -> int | None:
        lowered = (name or "").lower()
        if lowered.endswith(".localhost"):
            try:
                connection.context = context_of(lowered)
            except ValueError:
                return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        return None

    context = context_of(*_NAMES)
    context.set_servername_callback(choose)
    return context, path
