"""What an exception of a download handler says: whose trouble it is, and the rule for it.

Handlers and versions of Scrapy raise classes of their own for the same trouble: they are known by
name, in the exception itself and in what caused it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rf_core.refusals import Cause
from rf_core.verdicts import Rule, What, Who, judge

_DEEPEST: Final = 8

_KNOWN: Final[tuple[tuple[frozenset[str], tuple[Who, Cause | What]], ...]] = (
    (
        frozenset(
            {"ResponseDataLossError", "ResponseDataLoss", "_DataLoss", "PartialDownloadError"}
        ),
        (Who.NETWORK, What.TRUNCATED),
    ),
    (
        frozenset({"DownloadTimeoutError", "TimeoutError", "TimeoutException"}),
        (Who.NETWORK, Cause.TIMEOUT),
    ),
    (frozenset({"ssl", "OpenSSL.SSL"}), (Who.TLS, What.HANDSHAKE)),
    (
        frozenset(
            {
                "DownloadFailedError",
                "DownloadConnectionRefusedError",
                "ResponseFailed",
                "ResponseNeverReceived",
                "ConnectionClosed",
                "ConnectError",
                "TunnelError",
                "OSError",
            }
        ),
        (Who.NETWORK, What.CLOSED),
    ),
)
"""Names of classes or their modules, and what they say. The first line that fits is taken: a late
answer over TLS has `ssl.SSLWantReadError` among its causes."""

_NO_VERDICT: Final = frozenset({"IgnoreRequest", "StopDownload", "DownloadCancelledError"})


def of_exception(exception: BaseException) -> Rule | None:
    """Return the rule for what a download handler raised; None for the user's own doing."""
    chain = list(_chain(exception))
    names = {kind.__name__ for one in chain for kind in type(one).__mro__}
    if names & _NO_VERDICT:
        return None
    modules = {kind.__module__ for one in chain for kind in type(one).__mro__}
    for known, case in _KNOWN:
        if (names | modules) & known:
            return judge(*case)
    return judge(Who.NETWORK, Cause.OTHER)


def texts_of(exception: BaseException) -> str:
    """The texts of an exception and of what caused it: one of them holds the relay's token."""
    return " ".join(str(one) for one in _chain(exception))


def _chain(exception: BaseException) -> Iterator[BaseException]:
    """An exception, what Twisted wrapped in it, and what caused it. Bounded."""
    waiting: list[object] = [exception]
    for _ in range(_DEEPEST):
        if not waiting:
            return
        one = getattr(waiting[0], "value", waiting[0])
        del waiting[0]
        if isinstance(one, BaseException):
            yield one
            waiting += getattr(one, "reasons", None) or ()
            waiting += [cause for cause in (one.__cause__ or one.__context__,) if cause]
