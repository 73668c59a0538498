"""A throw-away authority for the site's TLS, and its certificate for clients to trust."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


def make_certificates(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return the site's TLS context and the path of the authority's certificate in `folder`."""
    authority = trustme.CA(organization_name="sandbox authority")
    path = folder / "sandbox-ca.pem"
    authority.cert_pem.write_to_path(str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf = authority.issue_cert("localhost", "*.localhost", "127.0.0.1", "::1")
    leaf.configure_cert(context)
    return context, path
