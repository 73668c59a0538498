"""Draws the tables of `docs/reference/scrapy.md` from the tables the code reads.

Run it with `--write` after changing a setting, a stat or a finish reason.
"""

import sys
from pathlib import Path

from rf_scrapy.extension import FINISH_REASONS
from rf_scrapy.settings import META_NOT_YET, NOT_YET, SETTINGS
from rf_scrapy.stats import STATS, VERDICT_PREFIX

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "scrapy.md"

_BEGIN = "<!-- {name}: drawn from the code -->"
_END = "<!-- end -->"


def _default(value):
    if value is None:
        return "none"
    if isinstance(value, frozenset):
        return f"`{sorted(value)}`"
    return f"`{value!r}`"


def tables():
    """Each table's name and its lines."""
    return {
        "settings": [
            "| setting | default | meaning |",
            "|---|---|---|",
            *(f"| `{s.name}` | {_default(s.default)} | {s.meaning} |" for s in SETTINGS),
        ],
        "not yet": [
            "| setting | why it is refused |",
            "|---|---|",
            *(f"| `{name}` | {reason} |" for name, reason in NOT_YET.items()),
        ],
        "meta not yet": [", ".join(f"`{name}`" for name in sorted(META_NOT_YET)) + "."],
        "stats": [
            "| stat | what it counts |",
            "|---|---|",
            *(f"| `{stat.name}` | {stat.meaning}. |" for stat in STATS),
            f"| `{VERDICT_PREFIX}<name>` | Verdicts, such as `gateway_auth` or `target_429`. |",
        ],
        "finish reasons": [
            "| reason | when |",
            "|---|---|",
            *(f"| `{name}` | {meaning} |" for name, meaning in FINISH_REASONS.items()),
        ],
    }


def redrawn(text: str) -> str:
    """Return the page with every table as the code has it now."""
    for name, lines in tables().items():
        begin = _BEGIN.format(name=name)
        before, _, rest = text.partition(begin)
        _old, _, after = rest.partition(_END)
        text = "\n".join([before + begin, *lines, _END]) + after
    return text


if __name__ == "__main__":
    page = redrawn(PAGE.read_text())
    if "--write" in sys.argv:
        PAGE.write_text(page)
    else:
        print(page)
