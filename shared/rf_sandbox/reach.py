"""Where the gateway may go: the sandbox's own site, what the user named, at most the internet.

Nothing here looks a name up. A name that leads beyond this machine is judged twice: how it is
written, here, before anything is asked about it; and each address it leads to, by `refuses`,
before that very address is connected to.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

OWN_ADDRESS: Final = "127.0.0.1"
_WEB_PORTS: Final = frozenset({80, 443})
_FIRST_USER_PORT: Final = 1024
_MOST_NAME: Final = 253
_NAME: Final = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}")
_NUMBER: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_NEIGHBOURS_BITS: Final = 64

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NOT_PUBLIC: Final = tuple(
    (ipaddress.ip_network(network), what)
    for what, networks in {
        "unspecified": ("0.0.0.0/8", "::/128"),
        "loopback": ("127.0.0.0/8", "::1/128"),
        "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
        "shared": ("100.64.0.0/10",),
        "link-local": ("169.254.0.0/16", "fe80::/10"),
        "multicast": ("224.0.0.0/4", "ff00::/8"),
        "unique-local": ("fc00::/7",),
        "for benchmarking": ("198.18.0.0/15", "2001:2::/48"),
        "for documentation": (
            "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20",
        ),
        "a cloud's own": ("168.63.129.16/32",),
        "of a transition mechanism": ("192.88.99.0/24", "2001::/32", "2002::/16", "::/96"),
        "reserved": ("192.0.0.0/24", "240.0.0.0/4", "2001::/23", "fec0::/10"),
    }.items()
    for network in networks
)  # fmt: skip
"""What is not on the public internet (RFC 6890 and its registries), and a cloud's own address."""

_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Here:
    """A target on this machine, reached from an exit's address; nothing has to be looked up."""

    address: str


@dataclass(frozen=True, slots=True)
class Beyond:
    """A target elsewhere, a name or an address: to be looked up, and judged by `refuses`."""

    name: str


@dataclass(frozen=True, slots=True)
class Denied:
    """A target that is not reached. `why` never holds what the client wrote."""

    why: str


_SITE: Final = Here(OWN_ADDRESS)


def way(
    host: str,
    port: int,
    *,
    site_ports: frozenset[int] = frozenset(),
    allowed: frozenset[tuple[str, int]] = frozenset(),
    is_external: bool = False,
) -> Here | Beyond | Denied:
    """Judge a target by how it is written.

    Args:
        host: In lower case, without brackets.
        port: Its port.
        site_ports: Where the sandbox's own site listens.
        allowed: What the user named: it is reached whatever it is.
        is_external: Whether the public internet is in reach.
    """
    if port in site_ports and is_own_name(host):
        return _SITE
    name = host.removesuffix(".")
    if (name, port) in allowed:
        return Here(OWN_ADDRESS if is_own_name(name) and name != "::1" else name)
    if is_own_name(name) and port in site_ports:
        return _SITE
    if not is_external:
        return Denied("this sandbox reaches its own site only")
    if is_own_name(name):
        return Denied("this machine is not reached, but for the site of this sandbox")
    return _beyond(name, port)


def is_own_name(host: str) -> bool:
    """Names of this machine's loopback: `localhost`, anything under it, and the addresses."""
    return host in {"localhost", OWN_ADDRESS, "::1"} or host.endswith(".localhost")


def is_address(host: str) -> bool:
    """Whether it is an address as it should be written; one with a zone belongs to our own link."""
    return _address(host) is not None


def _beyond(name: str, port: int) -> Beyond | Denied:
    if port < _FIRST_USER_PORT and port not in _WEB_PORTS:
        return Denied("ports 80, 443 and those from 1024 up are reached, no others")
    if ":" in name:
        return Beyond(name) if is_address(name) else Denied("not an address that leads beyond here")
    if _NUMBER.fullmatch(name):
        # 127.1, 0x7f000001, 2130706433 and 0177.0.0.1: one machine, and many ways to hide it.
        return Beyond(name) if is_address(name) else Denied("an address is written as four numbers")
    if len(name) > _MOST_NAME or not _NAME.fullmatch(name):
        return Denied("not the name of a host: other scripts are written as xn--")
    return Beyond(name)


def _address(text: str) -> _Address | None:
    try:
        return None if "%" in text else ipaddress.ip_address(text)
    except ValueError:
        return None


def refuses(address: str) -> str:
    """What an address is that is not reached, in a word or two; "" of one on the internet.

    Where an address carries another in it, as behind a translator to IPv4, the inner one counts.
    """
    known = _address(address)
    if known is None:
        return "malformed or zoned"
    if isinstance(known, ipaddress.IPv6Address) and (known in _MAPPED or known in _NAT64):
        known = ipaddress.IPv4Address(int(known) & 0xFFFF_FFFF)
    for network, what in _NOT_PUBLIC:
        if known.version == network.version and known in network:
            return what
    return "" if known.version == 4 or known in _GLOBAL_UNICAST else "reserved"  # noqa: PLR2004


def is_neighbour(source: str, address: str) -> bool:
    """Whether an address is this very machine's, or IPv6 of the link it is on.

    Machines at home have public IPv6 addresses too; a network of them is 64 bits wide. `source`
    is the address that a connection to `address` would leave from.
    """
    ours, theirs = _address(source), _address(address)
    if ours is None or theirs is None or ours.version != theirs.version:
        return False
    shift = 128 - _NEIGHBOURS_BITS if ours.version == 6 else 0  # noqa: PLR2004 - the version
    return int(ours) >> shift == int(theirs) >> shift
