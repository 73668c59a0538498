import json
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from support.commands import TIMEOUT, run, started
from support.wire import Wire


def test_it_prints_one_line_of_json_and_the_environment_apart():
    with started("--seed", "9") as (process, ready):
        assert list(ready) == [
            "api",
            "api_tls",
            "key",
            "gateway",
            "control",
            "control_token",
            "site",
            "ca",
            "env",
            "pid",
        ]
        assert ready["pid"] == process.pid
        assert ready["api"].endswith("/api/v1")
        assert ready["env"] == {"RF_BASE_URL": ready["api"], "RF_API_KEY": ready["key"]}
        headers = {"Authorization": f"Bearer {ready['key']}"}
        assert (
            httpx.get(
                f"{ready['api']}/me", headers=headers, trust_env=False, timeout=60
            ).status_code
            == 200
        )
        headers = {"Authorization": f"Bearer {ready['control_token']}"}
        state = httpx.get(
            f"{ready['control']}/state", headers=headers, trust_env=False, timeout=60
        ).json()
        assert len(state["balances_bytes"]) >= 2
        assert (
            httpx.get(f"{ready['site']['http']}/ip", trust_env=False, timeout=60).status_code == 200
        )
        assert Path(ready["ca"]).read_text().startswith("-----BEGIN CERTIFICATE-----")
        with Wire((ready["gateway"]["host"], ready["gateway"]["port"])) as line:
            assert line.get(f"{ready['site']['http']}/ip", None).status == 407
        process.send_signal(signal.SIGTERM)
        rest, narration = process.communicate(timeout=TIMEOUT)
    assert rest == ""
    assert narration.splitlines() == [
        f"export RF_BASE_URL={ready['api']}",
        f"export RF_API_KEY={ready['key']}",
    ]


def test_the_ready_file_is_its_owners_alone_and_says_the_same(tmp_path):
    path = tmp_path / "ready.json"
    path.write_text("from an earlier run")
    with started("--ready-file", str(path)) as (_, ready):
        assert json.loads(path.read_text()) == ready
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_within_a_second_even_with_connections_open(sent):
    with started() as (process, ready):
        gateway = (ready["gateway"]["host"], ready["gateway"]["port"])
        urls = (ready["api"], ready["control"], *ready["site"].values())
        addresses = [gateway, *(("127.0.0.1", httpx.URL(url).port) for url in urls)]
        lines = [socket.create_connection(address, timeout=60) for address in addresses]
        lines[1].sendall(b"POST /api/v1/proxies HTTP/1.1\r\nContent-Length: 5\r\n\r\n")
        began = time.monotonic()
        process.send_signal(sent)
        _, narration = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0
        assert time.monotonic() - began < 1.5
        assert "Traceback" not in narration
        assert not Path(ready["ca"]).exists(), "it cleans up after itself"
        for line in lines:
            line.close()


@pytest.mark.parametrize("name", ["api", "gateway", "control", "site", "site-tls"])
def test_a_port_in_use_is_one_sentence(name):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(f"--{name}-port", str(port))
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert str(port) in done.stderr
    assert f"--{name}-port" in done.stderr


def test_ports_can_be_chosen():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with started("--api-port", str(port)) as (_, ready):
        assert ready["api"] == f"http://127.0.0.1:{port}/api/v1"


@pytest.mark.parametrize(
    "options",
    [
        ["--clock", "scaled:x"],
        ["--allow-target", "example.com:80"],
        ["--allow-target", "localhost"],
        ["--allow-target", "localhost:0"],
    ],
    ids=" ".join,
)
def test_what_it_cannot_do_is_one_sentence_and_wrong_usage(options):
    done = run(*options)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert options[1].rpartition(":")[0] in done.stderr


@pytest.mark.parametrize("options", [["--api-port", "70000"], ["--seed", "-1"], ["--warp"]])
def test_wrong_usage_is_exit_code_2(options):
    done = run(*options)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_a_ready_file_that_cannot_be_written_is_one_sentence(tmp_path):
    done = run("--ready-file", str(tmp_path / "nowhere" / "ready.json"))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "nowhere" in done.stderr


def test_an_allowed_target_is_reached():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with started("--allow-target", f"LOCALHOST:{port}") as (_, ready):
            headers = {"Authorization": f"Bearer {ready['key']}"}
            order = {"quantity": 1, "format": "json"}
            answer = httpx.post(f"{ready['api']}/proxies", json=order, headers=headers, timeout=60)
            [entry] = answer.json()["proxies"]
            with Wire((entry["host"], entry["port"])) as line:
                user = (entry["username"], entry["password"])
                assert line.connect("localhost", port, user).status == 200


@pytest.mark.parametrize("missing", ["starlette", "uvicorn", "trustme"])
def test_without_its_extra_it_says_what_to_install(missing):
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from rf_tui.cli.main import run; raise SystemExit(run(['sandbox']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"rf sandbox: needs {missing}, which is not installed: "
        'pip install "resifactory-toolkit[sandbox]"\n'
    )


def test_it_listens_on_loopback_only():
    with started() as (process, _):
        table = Path(f"/proc/{process.pid}/net/tcp")
        names = [str(entry.readlink()) for entry in Path(f"/proc/{process.pid}/fd").iterdir()]
        inodes = {name[8:-1] for name in names if name.startswith("socket:[")}
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
        listening = [row[1] for row in rows if row[3] == "0A" and row[9] in inodes]
        assert len(listening) == 6
        assert {address.split(":")[0] for address in listening} == {"0100007F"}
        wide = Path(f"/proc/{process.pid}/net/tcp6")
        six = [line.split() for line in wide.read_text().splitlines()[1:]] if wide.exists() else []
        assert not [row for row in six if row[3] == "0A" and row[9] in inodes]
