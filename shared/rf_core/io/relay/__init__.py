"""A loopback forward proxy that holds the real credentials, chains to the gateway, and counts."""

from rf_core.io.relay.relay import Relay, RelayLimits

__all__ = ["Relay", "RelayLimits"]
