"""A raw answer of the API, and how what was made of it leads back to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from rf_core.redaction import printable, redact


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """A raw answer: status, headers with lower-case names, body.

    Whoever prints it sees how much there is and not what: a body may hold passwords. An order's
    body is here without its credentials, which went into the inventory as they came.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"<Answer {self.status}, {len(self.body):,} bytes>"

    @property
    def request_id(self) -> str:
        """What the server or its edge calls this request, or "" (C-151)."""
        return printable(self.headers.get("x-request-id") or self.headers.get("cf-ray") or "", 80)

    def json(self) -> Any:
        """Decode the body.

        Raises:
            ValueError: it is no JSON.
        """
        import msgspec  # noqa: PLC0415 - 30 ms that `import rf_core` need not pay

        return msgspec.json.decode(self.body)

    def excerpt(self, limit: int = 500) -> str:
        """Return how the body begins, on one line and without keys: for a log (C-140)."""
        return printable(redact(self.body[: 4 * limit].decode("utf-8", "replace")), limit)


class Answered:
    """Base of what was read from one whole answer, which stays in reach.

    The answer is no field: it is not compared, printed, copied or stored with what it says.
    """

    __slots__ = ("_answer",)

    _answer: Answer | None

    @property
    def answer(self) -> Answer | None:
        """The answer this was read from; None when it came from a store."""
        return getattr(self, "_answer", None)


_Read = TypeVar("_Read", bound=Answered)


def answered(found: _Read, answer: Answer) -> _Read:
    """Let what was read lead back to its answer."""
    object.__setattr__(found, "_answer", answer)
    return found
