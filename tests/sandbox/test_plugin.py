"""The fixture for users' own tests, run as users run it: in a project of its own."""

import subprocess
import sys
import textwrap


def run(folder, code, *options):
    (folder / "test_mine.py").write_text(textwrap.dedent(code))
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_test_gets_a_sandbox_and_its_environment(tmp_path):
    done = run(
        tmp_path,
        """
        import os, urllib.request

        def test_mine(resifactory_sandbox):
            assert os.environ["RF_BASE_URL"] == resifactory_sandbox.api
            assert os.environ["RF_API_KEY"] == resifactory_sandbox.key
            assert resifactory_sandbox.state()["profile"] == "documented"

        def test_another_is_as_new(resifactory_sandbox):
            assert resifactory_sandbox.journal()["calls"] == []
        """,
    )
    assert "2 passed" in done.stdout, done.stdout


def test_a_marker_chooses_profile_seed_and_clock_and_the_nearest_wins(tmp_path):
    done = run(
        tmp_path,
        """
        import pytest

        pytestmark = pytest.mark.resifactory_sandbox(profile="adverse", seed=3)

        @pytest.mark.resifactory_sandbox(clock="virtual", seed=4)
        def test_mine(resifactory_sandbox):
            assert resifactory_sandbox.state()["profile"] == "adverse"
            before = resifactory_sandbox.advance(60)["now"]
            assert resifactory_sandbox.advance(0)["now"] == before
            test_mine.key = resifactory_sandbox.key

        def test_other_seed(resifactory_sandbox):
            assert resifactory_sandbox.key != test_mine.key
        """,
        "--strict-markers",
    )
    assert "2 passed" in done.stdout, done.stdout


def test_what_is_no_option_is_an_error_and_no_default(tmp_path):
    done = run(
        tmp_path,
        """
        import pytest

        @pytest.mark.resifactory_sandbox(flavour="mint")
        def test_mine(resifactory_sandbox):
            pass
        """,
    )
    assert "1 error" in done.stdout
    assert "flavour" in done.stdout


def test_it_loads_without_loading_a_server(tmp_path):
    done = run(
        tmp_path,
        """
        import sys

        def test_mine():
            assert not {"uvicorn", "starlette", "trustme", "scrapy"} & set(sys.modules)
        """,
    )
    assert "1 passed" in done.stdout, done.stdout


def test_pytest_lists_the_marker_and_the_fixture(tmp_path):
    (tmp_path / "test_mine.py").write_text("")
    assert "resifactory_sandbox(**options)" in run(tmp_path, "", "--markers").stdout
    assert "A fresh sandbox on free ports" in run(tmp_path, "", "--fixtures").stdout
