"""What users install: the wheel, without the sources beside it."""

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("rf_core", "rf_sandbox", "rf_scrapy", "rf_tui")


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    zipfile.ZipFile(wheel).extractall(target)
    return target


def run(unpacked, code):
    """Run code with the unpacked wheel and the dependencies, but without the checkout."""
    paths = [str(unpacked), sysconfig.get_path("purelib")]
    # -S keeps the checkout's own .pth file out; -I the current folder and the environment.
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[1:1] = {paths!r}\n{code}"],
        cwd=unpacked,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_wheel_holds_the_four_packages_and_nothing_else(unpacked):
    tops = {path.name for path in unpacked.iterdir() if not path.name.endswith(".dist-info")}
    assert tops == set(PACKAGES)
    assert (unpacked / "rf_tui" / "app.tcss").exists()


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_imports_from_the_wheel(unpacked, package):
    done = run(unpacked, f"import {package}; print({package}.__file__)")
    assert done.stdout.startswith(str(unpacked)), done.stderr


def test_shared_is_no_package(unpacked):
    done = run(unpacked, "import shared")
    assert "ModuleNotFoundError" in done.stderr


def test_the_command_says_its_version(unpacked):
    code = "sys.argv = ['rf', '--version']; from rf_tui.cli.main import run; sys.exit(run())"
    done = run(unpacked, code)
    assert done.returncode == 0, done.stderr
    assert "0.1.0" in done.stdout


def test_the_core_loads_nothing_heavy(unpacked):
    heavy = ("httpx", "sqlite3", "diskcache", "textual", "scrapy", "twisted", "starlette", "click")
    done = run(unpacked, f"import rf_core; print(sorted(set(sys.modules) & set({heavy!r})))")
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    ("package", "foreign"),
    [("rf_scrapy", ("textual", "click", "starlette")), ("rf_tui.cli.main", ("scrapy", "twisted"))],
)
def test_each_front_end_does_without_the_others_dependencies(unpacked, package, foreign):
    done = run(unpacked, f"import {package}; print(sorted(set(sys.modules) & set({foreign!r})))")
    assert done.stdout.strip() == "[]", done.stderr


def test_the_lock_names_no_host():
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    assert "--index" not in text
    assert "--hash=sha256:" in text
