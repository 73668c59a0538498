"""`rf doctor` against the sandbox, in both profiles, and against what can be wrong."""

import asyncio
import json
import re
import socket
from functools import partial

import pytest
from support.crawls import environment
from support.invoking import invoke
from support.sandboxes import proxies_of
from support.stocks import put_into_stock

from rf_core.checkup import AREAS
from rf_core.inventory import Inventory
from rf_core.io.configuration import load_settings
from rf_core.models import Proxy
from rf_core.redaction import Secret
from rf_sandbox.sandbox import Sandbox
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.json_keys import JSON_KEYS


@pytest.fixture(scope="module", params=["documented", "adverse"])
def both(request):
    with Sandbox(seed=5, profile=request.param) as running:
        yield running


@pytest.fixture
def doctor(tmp_path, sandbox, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return partial(examined, tmp_path, sandbox)


def examined(folder, sandbox, *arguments, **extra):
    """Run it; return its exit code and its object."""
    done = invoke(folder, sandbox, "doctor", "--json", *arguments, **extra)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout)


def by_area(document, level):
    return {check["area"]: check for check in document["checks"] if check["level"] == level}


def calls(sandbox):
    return [call["path"].rsplit("/", 1)[-1] for call in sandbox.journal()["calls"]]


def test_where_all_is_well_it_says_so_of_every_area_and_spends_nothing(tmp_path, both):
    before = both.state()["balances_bytes"]
    code, document = examined(tmp_path, both)
    assert code == ExitCode.DONE, document
    assert document["ok"]
    assert not by_area(document, "failed")
    assert {check["area"] for check in document["checks"]} == set(AREAS) - {"project", "leaks"}
    assert sorted(calls(both)) == ["me", "openapi.json", "pools"]
    assert both.state()["balances_bytes"] == before
    assert both.key not in json.dumps(document)


def test_on_a_terminal_every_finding_hangs_under_its_area(tmp_path, sandbox):
    done = invoke(tmp_path, sandbox, "doctor", terminal=True, RF_TYPO="1", TERM="xterm")
    lines = done.stdout.splitlines()
    assert all(len(re.sub(r"\x1b\[\d*m", "", line)) <= 80 for line in lines)
    assert "\x1b[33mwarning" in lines[0]
    assert lines[1].strip() == "→ Unset it."
    assert re.search(r"\d+ things looked at: 0 failed, 1 to be warned of", done.stderr)
    plain = invoke(tmp_path, sandbox, "doctor", terminal=True, NO_COLOR="1", TERM="xterm").stdout
    assert "\x1b" not in plain


def test_in_a_pipe_each_finding_is_four_cells(tmp_path, sandbox):
    done = invoke(tmp_path, sandbox, "doctor", RF_TYPO="1")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert {len(row) for row in rows} == {4}
    assert rows[0] == ["environment", "warning", "RF_TYPO is set and means nothing.", "Unset it."]


def test_keys_of_the_object_are_those_of_the_table(doctor, tmp_path, sandbox):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "log").write_text(sandbox.key)
    _, document = doctor("--leaks", str(tmp_path / "files"))
    shown = set(document) - {"checks", "leaks"}
    shown |= {f"checks[].{name}" for check in document["checks"] for name in check}
    shown |= {f"leaks[].{name}" for leak in document["leaks"] for name in leak}
    assert shown == set(JSON_KEYS["doctor"])


# The key and the account


def test_no_key_fails_with_the_ways_to_set_one(doctor):
    code, document = doctor(RF_API_KEY="")
    assert code == ExitCode.FAILED
    assert "RF_API_KEY" in by_area(document, "failed")["key"]["way_out"]
    assert "state" in by_area(document, "ok"), "what needs no key is looked at all the same"


def test_what_cannot_be_a_key_fails_before_it_is_sent(doctor, sandbox):
    """C-009"""
    code, document = doctor(RF_API_KEY="sk_live_stripe")
    assert code == ExitCode.FAILED
    assert "prefix" in by_area(document, "failed")["key"]["text"]
    assert calls(sandbox) == []


def test_white_space_around_a_key_is_warned_of(doctor, sandbox):
    """C-010"""
    code, document = doctor(RF_API_KEY=f"{sandbox.key}\n")
    assert code == ExitCode.DONE
    assert "White space" in by_area(document, "warning")["key"]["text"]


def test_a_refused_key_has_its_own_code(doctor):
    """C-106"""
    code, document = doctor(RF_API_KEY="rf_live_nobodyknowsthisone")
    assert code == ExitCode.KEY_REFUSED == document["exit_code"]
    assert "401" in by_area(document, "failed")["account"]["text"]
    assert "nobodyknows" not in json.dumps(document)


def test_a_suspended_account_has_that_code_too(doctor, sandbox):
    """C-019"""
    sandbox.disable_account()
    assert doctor()[0] == ExitCode.KEY_REFUSED


@pytest.mark.parametrize("scope", ["proxies:generate", "usage:read", "pools:read"])
def test_a_missing_scope_is_a_warning(doctor, sandbox, scope):
    key = sandbox.make_key(*({"proxies:generate", "usage:read", "pools:read"} - {scope}))["key"]
    code, document = doctor(RF_API_KEY=key)
    assert code == ExitCode.DONE
    assert scope in by_area(document, "warning")["scopes"]["text"]


def test_an_api_that_is_not_there_fails(doctor):
    code, document = doctor(RF_BASE_URL="http://127.0.0.1:1/api/v1")
    assert code == ExitCode.FAILED
    assert "cannot be reached" in by_area(document, "failed")["account"]["text"]


def test_a_clock_that_is_off_is_a_warning(doctor, sandbox):
    sandbox.faults({"where": "api", "what": {"kind": "clock_skew", "seconds": 3_600}})
    code, document = doctor()
    assert code == ExitCode.DONE
    assert "behind the API's" in by_area(document, "warning")["clock"]["text"]


def test_an_empty_pool_is_a_warning(doctor, sandbox):
    sandbox.set_balance("mobile", 0)
    assert "mobile is empty" in by_area(doctor()[1], "warning")["pools"]["text"]


@pytest.mark.parametrize("fault", [{"kind": "reset", "bytes": 0}, {"kind": "bad_json"}])
def test_an_api_without_a_document_is_a_warning(doctor, sandbox, fault):
    match = {"path": "/api/v1/openapi.json"}
    sandbox.faults({"where": "api", "match": match, "what": fault})
    code, document = doctor()
    assert code == ExitCode.DONE
    assert "cannot be compared" in by_area(document, "warning")["api"]["text"]


# The machine


def test_a_folder_open_to_others_fails_with_the_command_to_run(doctor, tmp_path):
    (tmp_path / "state").mkdir(mode=0o777)
    (tmp_path / "state").chmod(0o777)
    code, document = doctor()
    assert code == ExitCode.FAILED
    assert by_area(document, "failed")["state"]["way_out"].startswith("Run: chmod 700")


def test_a_cache_that_cannot_be_used_is_a_warning(doctor, tmp_path):
    (tmp_path / "cache").symlink_to(tmp_path)
    code, document = doctor()
    assert code == ExitCode.DONE
    assert "symbolic link" in by_area(document, "warning")["cache"]["text"]


def test_settings_that_cannot_be_read_fail(doctor, tmp_path):
    (tmp_path / "config.toml").write_text("[profiles")
    code, document = doctor()
    assert code == ExitCode.FAILED
    assert "is not TOML" in by_area(document, "failed")["settings"]["text"]


def kept(folder, sandbox, host, port):
    settings = load_settings(environ=environment(folder, sandbox))
    ((username, password),) = proxies_of(sandbox)
    inventory = Inventory.of([Proxy(host, port, username, Secret(password))])
    asyncio.run(put_into_stock(settings, inventory))
    return password


def test_a_gateway_is_tried_at_the_port_that_an_order_told(doctor, tmp_path, sandbox):
    """C-079"""
    assert "not known before an order" in by_area(doctor()[1], "ok")["gateway"]["text"]
    kept(tmp_path, sandbox, *sandbox.gateway)
    code, document = doctor()
    assert code == ExitCode.DONE
    assert f":{sandbox.gateway[1]} takes connections" in by_area(document, "ok")["gateway"]["text"]


def test_a_gateway_that_takes_no_connection_fails(doctor, tmp_path, sandbox):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        kept(tmp_path, sandbox, *closed.getsockname())
        code, document = doctor()
    assert code == ExitCode.FAILED
    assert "takes no connection" in by_area(document, "failed")["gateway"]["text"]


# Projects and leaks

SETTINGS = 'BOT_NAME = "shop"\nTELNETCONSOLE_ENABLED = False\n'
ADDON = 'ADDONS = {"rf_scrapy.Addon": 500}\n'
HTTP2 = "scrapy.core.downloader.handlers.http2.H2DownloadHandler"
SELECT = "twisted.internet.selectreactor.SelectReactor"


def project(folder, settings):
    (folder / "shop").mkdir()
    (folder / "shop" / "scrapy.cfg").write_text("[settings]\ndefault = shopsettings\n")
    (folder / "shop" / "shopsettings.py").write_text(SETTINGS + settings)
    return str(folder / "shop")


def test_a_project_that_is_well_is_said_to_be(doctor, tmp_path):
    code, document = doctor("--project", project(tmp_path, ADDON))
    assert code == ExitCode.DONE, document
    assert by_area(document, "ok")["project"]["text"].startswith("shop: nothing keeps a crawl")


@pytest.mark.parametrize(
    ("settings", "level", "said"),
    [
        ("", "failed", "rf_scrapy is not switched on"),
        (f'{ADDON}DOWNLOAD_HANDLERS = {{"https": "{HTTP2}"}}', "failed", "HTTP/2 handler"),
        (f'{ADDON}TWISTED_REACTOR = "{SELECT}"', "failed", "asyncio event loop"),
        (f"{ADDON}HTTPPROXY_ENABLED = False", "warning", "HTTPPROXY_ENABLED is off"),
        (f'{ADDON}RF_API_KEY = "rf_live_0123456789abcdefx7kQ"', "warning", "RF_API_KEY stood in"),
        ("print('hello')\nraise RuntimeError('no')", "failed", "cannot be loaded"),
    ],
    ids=["not on", "http2", "reactor", "httpproxy", "key", "broken"],
)
def test_what_is_wrong_with_a_project_is_said_with_the_line_to_change(
    doctor, tmp_path, settings, level, said
):
    code, document = doctor("--project", project(tmp_path, settings))
    assert code == (ExitCode.FAILED if level == "failed" else ExitCode.DONE)
    found = by_area(document, level)["project"]
    assert said in found["text"]
    assert found["way_out"]
    assert "0123456789abcdef" not in json.dumps(document)


def test_a_projects_code_does_not_see_the_key(doctor, tmp_path):
    spying = 'import os, pathlib\npathlib.Path("seen").write_text(repr(sorted(os.environ)))'
    doctor("--project", project(tmp_path, ADDON + spying))
    seen = (tmp_path / "shop" / "seen").read_text()
    assert "RF_STATE_DIR" in seen
    assert "RF_API_KEY" not in seen


def test_a_folder_that_is_no_project_is_said(doctor, tmp_path):
    code, document = doctor("--project", str(tmp_path))
    assert code == ExitCode.FAILED
    assert "no scrapy.cfg" in by_area(document, "failed")["project"]["text"]


def test_leaks_are_named_by_file_and_kind_and_have_their_own_code(doctor, tmp_path, sandbox):
    password = kept(tmp_path, sandbox, *sandbox.gateway)
    folder = tmp_path / "jobdir"
    folder.mkdir()
    (folder / "requests.queue").write_bytes(b"\x80\x04" + password.encode().hex().encode())
    (folder / "clean").write_text("nothing")
    code, document = doctor("--leaks", str(folder))
    assert code == ExitCode.CONDITION
    assert document["leaks"] == [{"file": "requests.queue", "kind": "credential", "written": "hex"}]
    assert not document["ok"]
    assert password not in json.dumps(document)


def test_where_nothing_leaks_it_says_how_much_was_looked_at(doctor, tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "crawl.log").write_text("x" * 1_000)
    code, document = doctor("--leaks", str(folder))
    assert code == ExitCode.DONE
    assert by_area(document, "ok")["leaks"]["text"].startswith("1 file (1000 B) looked through")


def test_leaks_come_before_a_refused_key_because_they_were_asked_for(doctor, tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "crawl.log").write_text("rf_live_nobodyknowsthisone")
    code, _ = doctor("--leaks", str(folder), RF_API_KEY="rf_live_nobodyknowsthisone")
    assert code == ExitCode.CONDITION


def test_a_person_is_not_drowned_in_leaks(tmp_path, sandbox):
    folder = tmp_path / "logs"
    folder.mkdir()
    for number in range(50):
        (folder / f"{number}.log").write_text(sandbox.key)
    done = invoke(tmp_path, sandbox, "doctor", "--leaks", str(folder), terminal=True)
    assert done.stdout.count("holds the API key in use") == 20
    assert "and 30 more" in done.stderr
