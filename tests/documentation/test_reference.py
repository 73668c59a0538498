"""What the documentation says is what the code reads."""

import re
from pathlib import Path

import pytest
from support.contract import ROWS
from support.contract_duties import DUTIES
from support.contract_tests import named_by_tests
from support.make_reference import PAGES, REFERENCE, redrawn

from rf_sandbox.switches import READINGS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_drawn_from_the_tables_the_code_reads(page):
    text = (REFERENCE / page).read_text()
    assert redrawn(page) == text, "run tests/support/make_reference.py --write"


def test_every_row_of_the_contract_that_the_sandbox_plays_has_a_test():
    known = named_by_tests()
    played = [row.id for row in ROWS if row.sandbox]
    tested = {one for one in known if any(t.startswith("sandbox/") for t in known[one])}
    assert [one for one in played if one not in tested] == []


def test_every_row_that_asks_something_of_clients_has_a_test_of_one():
    known = named_by_tests()
    tested = {one for one in known if any(not t.startswith("sandbox/") for t in known[one])}
    assert [one for one in DUTIES if one not in tested] == []
    assert sorted(set(DUTIES) - {row.id for row in ROWS}) == []
    assert [row.id for row in ROWS if not row.sandbox and row.id not in DUTIES] == []


def test_no_test_names_a_row_that_is_not_there():
    ids = [row.id for row in ROWS]
    assert sorted(set(ids)) == ids
    assert sorted(set(named_by_tests()) - set(ids)) == []


def test_every_switch_belongs_to_a_row_that_has_a_reading():
    played = {row.id for row in ROWS if row.sandbox}
    for name, facts in READINGS.items():
        assert set(facts.contract.split(", ")) <= played, name


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
