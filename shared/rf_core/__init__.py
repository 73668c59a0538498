"""The part both front ends stand on: what ResiFactory's API says, and what may be done about it.

Importing this package loads no HTTP library, no database and no terminal.
"""

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
