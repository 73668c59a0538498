"""The part both front ends stand on: what ResiFactory's API says, and what may be done about it.

Importing this package loads no HTTP library, no database and no terminal.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rf_core.errors import (
        AccountDisabledError,
        ApiError,
        DeadlineError,
        DemoCredentialsError,
        InsecureAddressError,
        InsufficientScopeError,
        InternalError,
        InvalidKeyError,
        InvalidRequestError,
        MissingKeyError,
        OrderError,
        PoolNotAvailableError,
        RateLimitedError,
        ResiFactoryError,
        ResponseError,
        SettingsError,
        StateError,
        TransportError,
        UnauthorizedError,
    )
    from rf_core.models import (
        Account,
        Balance,
        Batch,
        Discovery,
        DomainUsage,
        Order,
        Pool,
        Proxy,
        Targeting,
        Usage,
    )
    from rf_core.redaction import Secret
    from rf_core.units import GIGABYTE

__version__ = "0.1.0"

__all__ = [
    "GIGABYTE",
    "Account",
    "AccountDisabledError",
    "Answer",
    "ApiError",
    "Balance",
    "Batch",
    "DeadlineError",
    "DemoCredentialsError",
    "Discovery",
    "DomainUsage",
    "InsecureAddressError",
    "InsufficientScopeError",
    "InternalError",
    "InvalidKeyError",
    "InvalidRequestError",
    "MissingKeyError",
    "Order",
    "OrderError",
    "Pool",
    "PoolNotAvailableError",
    "Proxy",
    "RateLimitedError",
    "ResiFactoryError",
    "ResponseError",
    "Secret",
    "SettingsError",
    "StateError",
    "Targeting",
    "TransportError",
    "UnauthorizedError",
    "Usage",
]

_HOMES = ("errors", "models", "redaction", "units")


def __getattr__(name: str) -> Any:
    """Load what is asked for, and nothing before."""
    for home in _HOMES if name in __all__ else ():
        found = getattr(import_module(f"{__name__}.{home}"), name, None)
        if found is not None:
            globals()[name] = found
            return found
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
