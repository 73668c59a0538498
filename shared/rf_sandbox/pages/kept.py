"""Answers that are the same for everybody, kept ready for the wire."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Final

from rf_sandbox.pages.reply import Reply
from rf_sandbox.pages.wire import head_of

_MOST_ANSWERS: Final = 4_096
_MOST_BYTES: Final = 16 * 1024 * 1024
_LARGEST: Final = 256 * 1024

Key = tuple[str, ...]


@dataclass(slots=True)
class Kept:
    """The answers last asked for, up to 16 MiB of them."""

    answers: OrderedDict[Key, tuple[str, Reply]] = field(default_factory=OrderedDict)
    bytes: int = 0

    def get(self, key: Key) -> tuple[str, Reply] | None:
        """Return the kind of page and its answer, if it is there."""
        found = self.answers.get(key)
        if found is not None:
            self.answers.move_to_end(key)
        return found

    def put(self, key: Key, kind: str, reply: Reply) -> Reply:
        """Keep an answer, if it is not too large; return it with its head written."""
        ready = replace(reply, head=head_of(reply))
        if key in self.answers or _cost(key, ready) > _LARGEST:
            return ready
        self.answers[key] = kind, ready
        self.bytes += _cost(key, ready)
        while len(self.answers) > _MOST_ANSWERS or self.bytes > _MOST_BYTES:
            gone, (_kind, last) = self.answers.popitem(last=False)
            self.bytes -= _cost(gone, last)
        return ready


def _cost(key: Key, reply: Reply) -> int:
    return len(reply.body) + sum(map(len, key))
