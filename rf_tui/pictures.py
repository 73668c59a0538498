"""The screen as an SVG that fetches nothing and looks the same in every viewer."""

from __future__ import annotations

import re
from typing import Final

from rf_core.redaction import redact
from rf_tui.cells import width_of

_FETCHED: Final = re.compile(r"@font-face \{.*?\}\s*|<!--.*?-->\s*", re.DOTALL)
"""Fonts from another machine: whoever looks at the picture would be seen by it."""

_RUN_OF_TEXT: Final = re.compile(
    r'<text (?P<head>class="[^"]*") x="(?P<x>[\d.]+)" (?P<y>y="[\d.]+") '
    r'textLength="[\d.]+" (?P<tail>clip-path="[^"]*")>(?P<text>[^<]*)</text>'
)
_SPACE: Final = "&#160;"
_CELL: Final = 12.2


def tidy(svg: str) -> str:
    """Make what Textual drew fit to be handed on."""
    return _RUN_OF_TEXT.sub(_word_by_word, _FETCHED.sub("", svg))


def _word_by_word(match: re.Match[str]) -> str:
    """Place each word by itself: viewers differ in what spaces are worth and letters are wide."""
    import html  # noqa: PLC0415 - a table of all entities, which few ever need

    cells = redact(html.unescape(match["text"].replace(_SPACE, " "))).rstrip("\n")
    words = []
    for word in re.finditer(r"\S+(?: \S+)*", cells):
        x = float(match["x"]) + width_of(cells[: word.start()]) * _CELL
        text = html.escape(word[0]).replace(" ", _SPACE)
        words.append(
            f'<text {match["head"]} x="{x:.1f}" {match["y"]} '
            f'textLength="{width_of(word[0]) * _CELL:.1f}" {match["tail"]}>{text}</text>'
        )
    return "".join(words)
