"""Every test of the add-on on each older version of Scrapy, in an environment of its own."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OLDER = ["2.13", "2.14", "2.15", "2.16", "2.17", "2.18"]

NOT_THERE = {
    "aiohttp": "2.19",  # the handler came with that version
    "httpx": "2.16",  # that of 2.15 takes no proxy, and without a reactor there was no other
    "reactorless": "2.16",
    "robots_txt_that_says_slower_is_waited_for_in_place": "2.14",  # the same
    "keep_their_counts_apart": "2.14",  # AsyncCrawlerProcess
    "AsyncCrawler": "2.14",
    "remote_control": "2.19",
    "spiders_that_cannot_be_loaded": "2.14",  # every command loads them first
}
"""What tests have in their names, and the version before which it does not exist in Scrapy."""


def number(version):
    return tuple(int(part) for part in version.split("."))


def test_the_oldest_one_tried_is_the_oldest_one_promised():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["optional-dependencies"]["scrapy"] == [f"scrapy>={OLDER[0]}"]


@pytest.mark.soak
@pytest.mark.parametrize("version", OLDER)
def test_the_add_on_works_on(version, tmp_path):
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    tools = [
        one
        for one in project["dependency-groups"]["dev"]
        if one.startswith(("aiohttp", "hatchling", "hypothesis", "pillow", "pytest", "requests"))
    ]
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, f"scrapy=={version}.*", *tools, f"{ROOT}[scrapy,sandbox]"], check=True)
    missing = [name for name, since in NOT_THERE.items() if number(version) < number(since)]
    done = subprocess.run(
        [
            python, "-m", "pytest", "tests/spiders", "-q", "-p", "no:cacheprovider",
            "-k", " and ".join(f"not {name}" for name in missing),
        ],
        cwd=ROOT,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=3_600,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-20_000:]
