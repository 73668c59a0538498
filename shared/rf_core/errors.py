"""Everything that can go wrong, by whose fault it is.

::

    ResiFactoryError
    ├── SettingsError               yours: a setting, a file, a missing key
    │   ├── MissingKeyError         no API key anywhere
    │   ├── InvalidKeyError         what was given cannot be a key
    │   └── InsecureAddressError    plaintext to anything but this machine (C-002)
    ├── OrderError                  yours: an order that discovery says cannot be filled
    ├── StateError                  this machine's: state or cache cannot be used
    ├── DeadlineError               nobody's: the time the caller gave ran out
    ├── TransportError              the network's: no answer
    ├── ResponseError               the server's: an answer that cannot be understood
    ├── DemoCredentialsError        the account's: no balance, so no working proxies (C-068)
    └── ApiError                    the API said no (C-140)
        ├── UnauthorizedError           401 (C-013)
        ├── AccountDisabledError        403 account_disabled (C-019)
        ├── InsufficientScopeError      403 insufficient_scope (C-018)
        ├── PoolNotAvailableError       404 pool_not_available
        ├── InvalidRequestError         400
        ├── RateLimitedError            429 (C-131)
        └── InternalError               5xx (C-145)

The first line of every message says what happened; `way_out` says what to do about it.
"""

from __future__ import annotations

from rf_core.answer import Answer


class ResiFactoryError(Exception):
    """Base of all errors of this project.

    Attributes:
        way_out: One sentence that tells the reader what to do next, or "".
    """

    def __init__(self, message: str, *, way_out: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.way_out = way_out

    def __str__(self) -> str:
        return f"{self.message} {self.way_out}".strip()


class SettingsError(ResiFactoryError):
    """A setting, an environment variable or a file of the user's cannot be used as it is."""


class MissingKeyError(SettingsError):
    """No API key was found in any of the places where one may be."""

    def __init__(self) -> None:
        super().__init__(
            "No API key.",
            way_out=(
                "Set one of: the environment variable RF_API_KEY; "
                '`key = "file:PATH"` (mode 0600, or `env:NAME`) in a profile of config.toml; '
                "or try everything without an account: `rf demo`."
            ),
        )


class InvalidKeyError(SettingsError):
    """What was given as a key cannot be one (C-009, C-010)."""


class InsecureAddressError(SettingsError):
    """The base URL is plaintext http and not on this machine: the key would travel open (C-002)."""


class OrderError(ResiFactoryError):
    """An order names something that discovery does not list; no call was spent on it.

    Attributes:
        field: The field of the order at fault: pool, country, state, proxy_type, …
        valid: The values that would have been accepted, as discovery lists them.
    """

    def __init__(
        self, message: str, *, field: str, valid: tuple[str, ...] = (), way_out: str = ""
    ) -> None:
        super().__init__(message, way_out=way_out)
        self.field = field
        self.valid = valid


class StateError(ResiFactoryError):
    """State or cache cannot be used: permissions, a foreign owner, a full or broken disk."""


class DeadlineError(ResiFactoryError):
    """The caller's deadline passed before a slot or an answer came."""


class TransportError(ResiFactoryError):
    """No usable answer came: refused, reset, unresolved, timed out.

    Attributes:
        sent: Whether the request may have reached the server (it then counts in the window).
    """

    def __init__(self, message: str, *, sent: bool = True, way_out: str = "") -> None:
        super().__init__(message, way_out=way_out)
        self.sent = sent


class ResponseError(ResiFactoryError):
    """The server answered something that is not what it documents (C-007, C-147).

    Attributes:
        status: HTTP status of the answer.
        path: Where in the answer the trouble is, as `$.pools[0].id`, or "".
        answer: The answer as it came, where there is a whole one.
    """

    answer: Answer | None = None

    def __init__(self, message: str, *, status: int, path: str = "", way_out: str = "") -> None:
        super().__init__(message, way_out=way_out)
        self.status = status
        self.path = path


class DemoCredentialsError(ResiFactoryError):
    """The API returned demo credentials: the pool or the account has no balance (C-068, C-069).

    Attributes:
        pool: The pool the answer named.
    """

    def __init__(self, pool: str) -> None:
        super().__init__(
            f"Pool {pool!r} has no balance: the API returned demo credentials, which do not work.",
            way_out="Top it up in the dashboard; `rf balance` shows what every pool has.",
        )
        self.pool = pool


class ApiError(ResiFactoryError):
    """The API answered with its error envelope (C-140); unknown codes come as this class (C-142).

    Attributes:
        status: HTTP status.
        code: The envelope's `code`, or "" when there was none.
        request_id: What the server calls this request, or "" (C-151).
        retry_after: Seconds the server asks to wait, or None (C-126).
        answer: The answer as it came (C-140).
    """

    answer: Answer | None = None

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str = "",
        request_id: str = "",
        retry_after: float | None = None,
        way_out: str = "",
    ) -> None:
        super().__init__(message, way_out=way_out)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after


class UnauthorizedError(ApiError):
    """401: the key is unknown, malformed or revoked. Final: nothing is tried again (C-013)."""


class AccountDisabledError(ApiError):
    """403 `account_disabled`: the account is suspended. Final, on any endpoint (C-019, C-020)."""


class InsufficientScopeError(ApiError):
    """403 `insufficient_scope`: this key may not do this (C-018).

    Attributes:
        scope: The scope the endpoint needs, from our own table, never from the message (C-144).
    """

    def __init__(self, message: str, *, status: int, scope: str, **facts: object) -> None:
        super().__init__(message, status=status, **facts)  # type: ignore[arg-type] # passed on as it came
        self.scope = scope


class PoolNotAvailableError(ApiError):
    """404 `pool_not_available`: the pool does not exist or is not for this key."""


class InvalidRequestError(ApiError):
    """400 `invalid_request`: a parameter is missing, out of range, or in an impossible pair."""


class RateLimitedError(ApiError):
    """429 `rate_limited`: the window of this group is full (C-131).

    Attributes:
        group: `generate` or `reads`.
    """

    def __init__(self, message: str, *, status: int, group: str, **facts: object) -> None:
        super().__init__(message, status=status, **facts)  # type: ignore[arg-type] # passed on as it came
        self.group = group


class InternalError(ApiError):
    """5xx: the server's own trouble; worth trying again after a short delay (C-145, C-146)."""
