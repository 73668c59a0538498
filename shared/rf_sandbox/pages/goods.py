"""What the site's catalogue holds: titles, prices, texts and pictures, made from their numbers.

Every item is the same each time and on every machine. Words repeat with a period of 512 numbers,
so that a search is arithmetic and costs the same in a catalogue of any size.
"""

from __future__ import annotations

import hashlib
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_PERIOD: Final = 512


def _split(words: str) -> tuple[str, ...]:
    return tuple(words.split())


_ADJECTIVES: Final = _split(
    "amber brisk calm dusty early faded golden hollow idle jolly keen little mossy narrow odd plain"
)
_NOUNS: Final = _split(
    "anchor basket candle drawer easel fiddle garden hammer inkwell jigsaw kettle lantern mirror "
    "needle orchard pencil quilt ribbon saddle teapot umbrella vessel walnut yarn zither bellows "
    "compass doorbell engine flute goblet hourglass"
)
CATEGORIES: Final = ("books", "clocks", "garden", "kitchen", "music", "paper", "tools", "travel")
_WORDS: Final = _split(
    "a after again almost another any around as at away because before beyond blue both bought "
    "bright by carried chair clear cold corner could dark day door down each evening every far few "
    "field find fine first five for found four from glass good grey half hand hard he held her "
    "high his home house hundred in into it its just kept knew known large last late left less "
    "letter light like long looked made many market matter might money more morning most much near "
    "never new next night no none not nothing now of off old on once one only open or other our "
    "out over own paid paper part people perhaps place plain price quiet rain read right river "
    "road room round said same seen seven shelf ship shop short side small so sold some stood "
    "stone street such summer table taken than that the their then there these they thing this "
    "those three through time to together told too took town twice two under until up very walked "
    "wall was water way were what when where which while white who whole why winter with wood word "
    "work would year yellow yet you young"
)
_LINE: Final = 64
_LINES: Final = 1_024
_SHAPES: Final = 64


@dataclass(frozen=True, slots=True)
class Item:
    """One item. The price is in cents."""

    number: int
    title: str
    category: str
    cents: int

    @property
    def price(self) -> str:
        """The price as people read it."""
        return f"{self.cents // 100}.{self.cents % 100:02}"


@dataclass(frozen=True, slots=True)
class Listing:
    """Some of the items in their order: those whose number leaves one of the remainders."""

    remainders: tuple[int, ...]
    items: int

    def __len__(self) -> int:
        rounds, rest = divmod(self.items, _PERIOD)
        return rounds * len(self.remainders) + sum(one < rest for one in self.remainders)

    def part(self, first: int, count: int) -> list[int]:
        """Return up to `count` numbers, from the `first` on, which is counted from 0."""
        per_round = len(self.remainders)
        return [
            place // per_round * _PERIOD + self.remainders[place % per_round] + 1
            for place in range(first, min(first + count, len(self)))
        ]


def listing(items: int, fits: Callable[[Item], bool] = lambda _item: True) -> Listing:
    """Return the items that fit by their title or category, which repeat themselves."""
    return Listing(tuple(n for n in range(_PERIOD) if fits(item_of(n + 1))), items)


def item_of(number: int) -> Item:
    """Return an item; numbers begin at 1."""
    place = number - 1
    adjective, noun = _ADJECTIVES[place % 16], _NOUNS[place // 16 % 32]
    cents = 150 + place * 7_919 % 24_800
    return Item(number, f"{adjective} {noun} {number}", CATEGORIES[place // 2 % 8], cents)


def item_bytes(number: int) -> bytes:
    """The text of an item: 1 to 9 kB in lines, always the same for the same number."""
    seed = hashlib.sha256(f"item {number}".encode()).digest()
    first, step = int.from_bytes(seed[:4]) % _LINES, int.from_bytes(seed[4:8]) % _LINES | 1
    lines = _book()
    title = f"The {item_of(number).title}".encode().ljust(_LINE - 1) + b"\n"
    return title + b"".join(
        [lines[(first + at * step) % _LINES] for at in range(15 + number % 128)]
    )


def item_sha256(number: int) -> str:
    """The hash of an item's text."""
    return hashlib.sha256(item_bytes(number)).hexdigest()


@lru_cache(maxsize=512)
def picture_bytes(number: int) -> bytes:
    """The picture of an item: a PNG of 0.7 to 9 kB. Not compressed, so the same everywhere."""
    side, pixels = _shape(number % _SHAPES)
    colours = hashlib.sha256(f"picture {number}".encode()).digest()[:24]
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", colours),
            _chunk(b"IDAT", pixels),
            _chunk(b"IEND", b""),
        )
    )


@lru_cache(maxsize=_SHAPES)
def _shape(shape: int) -> tuple[int, bytes]:
    """The side and the pixels of a picture: rows of places in a palette of eight."""
    side = 24 + shape
    rows = (bytes((x * y // (shape + 3)) % 8 for x in range(side)) for y in range(side))
    return side, zlib.compress(b"".join(b"\x00" + row for row in rows), 0)


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


@lru_cache(maxsize=1)
def _book() -> list[bytes]:
    """Lines of one length that texts are put together from."""
    chance = random.Random(1)  # noqa: S311 - the same words each time is the point
    lines = []
    for _ in range(_LINES):
        words = " ".join(chance.choices(_WORDS, k=_LINE // 3))
        lines.append(words[: _LINE - 1].encode() + b"\n")
    return lines
