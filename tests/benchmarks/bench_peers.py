"""The monitor beside four others that are written with the same toolkit, in one run.

Prints seconds to the first text, by the clock and of processors, the best of several turns; and
what each takes of a processor while nobody touches it. Peers are looked for in a folder, one
virtual environment each, and only put there when asked for, since that downloads them:

    bench_peers.py --folder PEERS --install
    bench_peers.py --folder PEERS
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.crawls import environment
from support.first_texts import first_text, idle

from rf_sandbox.sandbox import Sandbox

TURNS = 7
RF = str(Path(sys.executable).with_name("rf"))
HELLO = """
from textual.app import App
from textual.widgets import Label
class Hello(App):
    def compose(self):
        yield Label("hello")
Hello().run()
"""
PEERS = {
    "dolphie": ["dolphie", "--tab-setup"],
    "posting": ["posting", "--collection", "posts"],
    "harlequin": ["harlequin"],
    "toolong": ["tl", "some.log"],
}
"""Name in the registry → how it is started without anything to look at but what it brings."""

BESIDE = {"posting": ["tree-sitter==0.25.2"]}
"""What a peer does not start without: with the newest of it, posting ends on a broken pointer."""


def install(folder: Path) -> None:
    """Put each into an environment of its own: they disagree about versions."""
    for name in PEERS:
        home = folder / name
        if not (home / "bin" / PEERS[name][0]).exists():
            print(f"installing {name} into {home} …", flush=True)
            venv.create(home, with_pip=True)
            pip = [
                home / "bin" / "python",
                "-m",
                "pip",
                "install",
                "--quiet",
                name,
                *BESIDE.get(name, ()),
            ]
            subprocess.run(pip, check=True, timeout=900)


def version(folder: Path, name: str) -> str:
    code = f"from importlib.metadata import version as v; print(v({name!r}), v('textual'))"
    python = folder / name / "bin" / "python"
    found = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    ours, textual = found.stdout.split()
    return f"{ours} (Textual {textual})"


def measured(commands: dict[str, list[str]], env: dict[str, str], cwd: Path) -> None:
    """Take turns, so that what else the machine does meets all of them."""
    walls: dict[str, list[float]] = {name: [] for name in commands}
    processors: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(TURNS):
        for name, command in commands.items():
            wall, spent = first_text(command, env, cwd=cwd)
            walls[name].append(wall)
            processors[name].append(spent)
    hello = min(walls["hello"])
    print(f"{'':12} {'first text':>12} {'x hello':>8} {'processors':>12} {'idle':>8} {'memory':>9}")
    for name, command in commands.items():
        share, resident = idle(command, env, cwd=cwd)
        print(
            f"{name:12} {1_000 * min(walls[name]):9.0f} ms {min(walls[name]) / hello:8.2f} "
            f"{1_000 * min(processors[name]):9.0f} ms {share:7.1%} {resident / (1 << 20):6.0f} MB",
            flush=True,
        )


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--folder", type=Path, help="where the peers are, or are to be")
    words.add_argument("--install", action="store_true", help="put them there: a download")
    asked = words.parse_args()
    if asked.install and asked.folder is not None:
        install(asked.folder.absolute())
    folder = asked.folder.absolute() if asked.folder else None
    peers = {
        name: [str(folder / name / "bin" / command[0]), *command[1:]]
        for name, command in PEERS.items()
        if folder is not None and (folder / name / "bin" / command[0]).exists()
    }
    missing = sorted(set(PEERS) - set(peers))
    if missing:
        print(f"not here: {', '.join(missing)}; --folder DIR --install puts them into DIR")
    for name in peers:
        print(f"{name} {version(folder, name)}")
    with tempfile.TemporaryDirectory() as home, Sandbox(seed=1) as sandbox:
        place = Path(home)
        (place / "some.log").write_text("2026-11-26 07:00:00 INFO a line\n" * 10_000)
        (place / "posts").mkdir()
        env = environment(place, sandbox)
        env |= {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "HOME": home}
        # As after the first day: the API has been asked, what it said is stored.
        subprocess.run([RF, "--once"], env=env, check=True, capture_output=True)
        commands = {"hello": [sys.executable, "-c", HELLO], "rf": [RF], **peers}
        print(
            f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {platform.machine()}, "
            f"Python {platform.python_version()}; best of {TURNS}, turns taken in one run"
        )
        measured(commands, env, place)


if __name__ == "__main__":
    main()
