"""Makes an inventory of the answer to an order while it arrives, in any of the three formats.

A slice of some hundred credentials is read at once by the quickest way there is; only when that way
meets something odd is the slice read again one by one, by :mod:`rf_core.parsing`, which names what
is wrong and where. Nothing here holds an event loop for longer than a millisecond.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any, Final

import msgspec

from rf_core import parsing
from rf_core.errors import ResponseError
from rf_core.inventory import Delivery, Inventory, line_of
from rf_core.scanning import BrokenError, Scanner

PIECE_BYTES: Final = 65_536
"""Feed it pieces no larger, and let others have a turn in between."""

_CONTROLS: Final = bytes(range(10)) + bytes(range(11, 32)) + b"\x7f"
_SUSPECT: Final = b"[email"


class _Entry(msgspec.Struct, gc=False):
    host: str
    port: int | str
    username: str
    password: str


_ENTRIES: Final = msgspec.json.Decoder(list[_Entry])
_ANYTHING: Final = msgspec.json.Decoder(list[Any])


class _Gateways(dict[tuple[str, int | str], str]):
    """Where gateways are, as the beginning of a line; there are few, so each is checked once."""

    def __missing__(self, address: tuple[str, int | str]) -> str:
        host, port = parsing.gateway(*address)
        written = self[address] = f"{host}\t{port}"
        return written


class Harvest:
    """Takes in an answer: `begin`, `feed` it, `close`; then `settle` and `delivery`.

    Whatever is wrong with the credentials is kept until :meth:`delivery`, so that whoever reads the
    connection gets to its end. `begin` may come again: an attempt that failed leaves nothing.

    Attributes:
        count: How many credentials have come so far.
    """

    def __init__(self) -> None:
        self.begin()

    def __repr__(self) -> str:
        return f"<Harvest {self.count:,} proxies>"

    def begin(self) -> None:
        """Begin anew."""
        self.count = 0
        self._scanner = Scanner("proxies", self._take_text, self._take_entries)
        self._blob = BytesIO()
        self._starts = array("I", [0])
        self._gateways = _Gateways()
        self._texts: BytesIO | None = None
        self._error: ResponseError | None = None
        self._broken = False

    def feed(self, piece: bytes) -> None:
        """Take in the next piece of the answer's body."""
        if not self._broken:
            try:
                self._scanner.feed(piece)
            except BrokenError:
                self._broken = True

    def close(self) -> bytes:
        """Return the answer without its credentials, or nothing when it is no JSON."""
        try:
            return b"" if self._broken else self._scanner.close()
        except BrokenError:
            return b""

    def settle(self, document: Mapping[str, Any]) -> Iterator[None]:
        """Read lines, now that the answer has said of which format they are (C-076), in steps.

        Args:
            document: What :meth:`close` returned, decoded.
        """
        if self._texts is None or self._error is not None:
            return
        text, self._texts = self._texts.getvalue(), None
        self.count = number = at = 0
        userpass = document.get("format") == "userpass"
        while at < len(text):
            end = text.rfind(b"\n", at, at + PIECE_BYTES) + 1
            end = end or text.index(b"\n", at) + 1
            try:
                number = self._read_lines(text[at:end], number, userpass=userpass)
            except ResponseError as error:
                self._error = error
                return
            at = end
            yield

    def delivery(self, document: Mapping[str, Any]) -> Delivery:
        """Return what came.

        Raises:
            ResponseError: an unreadable credential, named without its password; or another number
                of them than `count` says (C-066).
        """
        if self._error is not None:
            raise self._error
        if not self._scanner.found or document.get("proxies") is not None:
            message = "The API's answer has no usable $.proxies (a list or a text)."
            raise ResponseError(message, status=200, path="$.proxies")
        facts = parsing.batch_facts(document)
        if facts.count != self.count:
            message = f"The API announced {facts.count:,} proxies and sent {self.count:,}."
            raise ResponseError(message, status=200, path="$.count")
        inventory = Inventory(self._blob.getvalue(), self._starts)
        self.begin()
        return Delivery(inventory, facts)

    def _take_text(self, lines: bytes) -> None:
        if self._texts is None:
            self._texts = BytesIO()
        self.count += lines.count(b"\n")
        self._texts.write(lines)

    def _take_entries(self, array: bytes, *, sure: bool) -> bool:
        if self._error is not None and not sure:
            return _is_json(array)
        try:
            entries = _ENTRIES.decode(array)
            if b"\\" not in array and b"\x7f" not in array and _SUSPECT not in array:
                gateways = self._gateways
                lines = [f"{gateways[e.host, e.port]}\t{e.username}\t{e.password}" for e in entries]
                self._keep(lines)
                return True
        except (msgspec.DecodeError, UnicodeDecodeError, ResponseError):
            if not sure and not _is_json(array):
                return False
        self._take_oddities(array)
        return True

    def _take_oddities(self, array: bytes) -> None:
        """Read entries one by one: what is wrong gets its name."""
        try:
            items = _ANYTHING.decode(array)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BrokenError from error
        if self._error is None:
            try:
                proxies = [parsing.entry(item, self.count + n) for n, item in enumerate(items)]
                self._keep([line_of(proxy)[:-1] for proxy in proxies])
            except ResponseError as error:
                self._error = error

    def _read_lines(self, text: bytes, number: int, *, userpass: bool) -> int:
        """Read some lines, the first of which has that number; return the next number."""
        try:
            lines = text.replace(b"\r\n", b"\n").decode().split("\n")[:-1]
        except UnicodeDecodeError:
            message = "The API's answer has a $.proxies that is no UTF-8."
            raise ResponseError(message, status=200, path="$.proxies") from None
        split = _userpass_fields if userpass else _list_fields
        quick = _SUSPECT not in text and len(text.translate(None, _CONTROLS)) == len(text)
        if quick:
            gateways = self._gateways
            try:
                fields = [split(line) for line in lines if line]
                self._keep([f"{gateways[h, p]}\t{user}\t{word}" for h, p, user, word in fields])
            except (ValueError, ResponseError):
                quick = False
        if not quick:
            read = parsing.userpass_line if userpass else parsing.list_line
            proxies = [read(line, number + n) for n, line in enumerate(lines) if line]
            self._keep([line_of(proxy)[:-1] for proxy in proxies])
        return number + len(lines)

    def _keep(self, lines: Sequence[str]) -> None:
        """Add lines to the inventory."""
        if not lines:
            return
        text = "\n".join(lines) + "\n"
        data = text.encode()
        lengths = map(len, lines) if len(data) == len(text) else map(_encoded_length, lines)
        at = self._starts[-1]
        self._starts.extend([at := at + length + 1 for length in lengths])
        self.count += len(lines)
        self._blob.write(data)


def read_batch(answer: bytes) -> Delivery:
    """Read a whole answer at once: for what has come already.

    Raises:
        ResponseError: it is not what is documented.
    """
    harvest = Harvest()
    for at in range(0, len(answer), PIECE_BYTES):
        harvest.feed(answer[at : at + PIECE_BYTES])
    try:
        document = msgspec.json.decode(harvest.close(), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        message = "The answer to an order is not a JSON object."
        raise ResponseError(message, status=200, path="$") from None
    for _ in harvest.settle(document):
        pass
    return harvest.delivery(document)


def _list_fields(line: str) -> Sequence[str]:
    return line.split(":", 3)


def _userpass_fields(line: str) -> Sequence[str]:
    username, rest = line.split(":", 1)
    password, address = rest.rsplit("@", 1)
    host, port = address.rsplit(":", 1)
    return host.strip("[]"), port, username, password


def _encoded_length(line: str) -> int:
    return len(line.encode())


def _is_json(array: bytes) -> bool:
    try:
        _ANYTHING.decode(array)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
