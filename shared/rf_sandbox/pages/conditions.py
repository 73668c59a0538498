"""Requests with conditions: what has not changed is 304, what was asked for in part is 206.

RFC 9110, 13 and 14, as far as a single range and strong tags go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Final

from rf_sandbox.pages.asked import Asked
from rf_sandbox.pages.reply import PLAIN, STRAIGHT, Reply

CONDITIONS: Final = frozenset({"if-none-match", "if-modified-since", "range"})
_KEPT_BY_304: Final = frozenset(
    {"etag", "last-modified", "vary", "cache-control", "content-location", "set-cookie"}
)
_MOST_DIGITS: Final = 18


def conditioned(asked: Asked, reply: Reply) -> Reply:
    """Answer a request that has conditions; the reply is what it would get without them."""
    if reply.status != 200 or asked.method not in {"GET", "HEAD"}:  # noqa: PLR2004 - OK
        return reply
    own = {name.lower(): value for name, value in reply.headers}
    if _is_unchanged(asked.named, own):
        kept = tuple(line for line in reply.headers if line[0].lower() in _KEPT_BY_304)
        return Reply(304, headers=kept)
    is_whole = (
        asked.method == "HEAD"
        or "range" not in asked.named
        or own.get("accept-ranges") != "bytes"
        or reply.delivery is not STRAIGHT
        or not _is_same(asked.named.get("if-range"), own)
    )
    return reply if is_whole else _ranged(asked.named["range"], reply)


def _is_unchanged(named: Mapping[str, str], own: Mapping[str, str]) -> bool:
    tags = named.get("if-none-match")
    if tags is not None:
        mine = own.get("etag")
        given = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
        return mine is not None and ("*" in given or mine in given)
    since, changed = named.get("if-modified-since"), own.get("last-modified")
    if since is None or changed is None:
        return False
    try:
        return parsedate_to_datetime(changed) <= parsedate_to_datetime(since)
    except (ValueError, TypeError, OverflowError):
        return False  # no date, or one without a zone: as if it had not been sent


def _is_same(tag: str | None, own: Mapping[str, str]) -> bool:
    return tag is None or tag in {own.get("etag"), own.get("last-modified")}


def _ranged(asked: str, reply: Reply) -> Reply:
    unit, _, spans = asked.partition("=")
    first, dash, last = spans.strip().partition("-")
    legible = unit.strip().lower() == "bytes" and dash and (first or last)
    if not legible or not all(_is_number(part) for part in (first, last) if part):
        return reply  # several ranges, or none that can be read: the whole is a legal answer
    length = reply.length
    start = int(first) if first else max(0, length - int(last))
    end = min(length, int(last) + 1) if first and last else length
    if first and last and int(last) < int(first):
        return reply
    headers = tuple(line for line in reply.headers if line[0].lower() != "content-length")
    if start >= length or start >= end:
        refused = (("Content-Range", f"bytes */{length}"),)
        return Reply(416, b"no such range\n", PLAIN, refused)
    part = (("Content-Range", f"bytes {start}-{end - 1}/{length}"),)
    if reply.size is None:
        cut = replace(reply, body=reply.body[start:end])
    else:
        cut = replace(reply, size=end - start, start=reply.start + start)
    return replace(cut, status=206, headers=headers + part, head=None, is_still=False)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
