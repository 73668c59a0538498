"""The how-to pages do what they say: their python is run, as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).resolve().parents[2] / "docs" / "how-to").glob("*.md"))
CODE = re.compile(r"^```python\n# (test_\w+\.py)\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_page_runs_as_it_stands(page, tmp_path):
    files = CODE.findall(page.read_text())
    if page.stem in {"test-your-spider", "other-tools"}:
        assert files
    for name, code in files:
        (tmp_path / name).write_text(code)
        env = {k: v for k, v in os.environ.items() if not k.startswith("RF_")}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", name],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-4_000:]
        assert "passed" in done.stdout
