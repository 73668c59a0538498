"""What a snapshot is made of, by name: the answers that are stored, each with its age."""

from __future__ import annotations

from typing import Final

ACCOUNT: Final = "account"
DISCOVERY: Final = "discovery"
BALANCE: Final = "balance"
USAGE: Final = "usage"
SHARES: Final = "usual shares"
