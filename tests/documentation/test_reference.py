"""What the documentation says is what the code reads."""

import re
from pathlib import Path

from support.make_reference import PAGE, redrawn

ROOT = Path(__file__).resolve().parents[2]


def test_the_scrapy_page_is_drawn_from_the_tables_the_code_reads():
    text = PAGE.read_text()
    assert redrawn(text) == text, "run tests/support/make_reference.py --write"


def test_every_relative_link_leads_somewhere():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")]
    broken = [
        f"{page.relative_to(ROOT)} -> {target}"
        for page in pages
        for target in re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []


def test_nothing_names_a_machine_or_a_registry():
    here = re.compile(r"/(?:root|home)/\w+/|\b(?:pypi|pythonhosted|npmjs)\.(?:org|com)")
    hits = [
        str(path.relative_to(ROOT))
        for pattern in ("*.md", "docs/**/*.md", "shared/**/*.py", "rf_*/**/*.py", "Makefile")
        for path in ROOT.glob(pattern)
        if here.search(path.read_text())
    ]
    assert hits == []
