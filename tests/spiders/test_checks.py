"""Every rule that a project is checked by, and the command that tells."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.crawls import ADDON, BY_HAND, crawl, environment, spider

from rf_scrapy.checks import RULES, check
from rf_scrapy.facts import Listed, Project

BOOKSHOP = Path(__file__).with_name("bookshop")
SCRAPY = "scrapy.downloadermiddlewares."
OURS = (Listed("rf_scrapy.BackoffMiddleware", 560), Listed("rf_scrapy.ProxyMiddleware", 950))
THEIRS = (
    Listed(f"{SCRAPY}retry.RetryMiddleware", 550),
    Listed(f"{SCRAPY}httpcompression.HttpCompressionMiddleware", 590),
    Listed(f"{SCRAPY}redirect.RedirectMiddleware", 600),
    Listed(f"{SCRAPY}cookies.CookiesMiddleware", 700),
    Listed(f"{SCRAPY}httpcache.HttpCacheMiddleware", 900),
)
HTTP11 = Listed("scrapy.core.downloader.handlers.http11.HTTP11DownloadHandler", 0)


def project(**facts):
    """A project with which nothing is wrong, but for what is said."""
    sound = {
        "middlewares": (*THEIRS, *OURS),
        "extensions": (Listed("rf_scrapy.CrawlReporter", 0),),
        "handlers": {"http": HTTP11, "https": HTTP11},
    }
    return Project(**(sound | facts))


def rules_of(found):
    return [finding.rule for finding in found]


def moved(name, order):
    return (*THEIRS, *(Listed(o.path, order if o.path.endswith(name) else o.order) for o in OURS))


def handled_by(path, *bases):
    return {"https": Listed(path, 0, frozenset(bases))}


H2 = "scrapy.core.downloader.handlers.http2.H2DownloadHandler"
PLAYWRIGHT = "scrapy_playwright.handler.ScrapyPlaywrightDownloadHandler"
ROTATING = "rotating_proxies.middlewares.RotatingProxyMiddleware"

WRONG = [
    ("scrapy-version", {"scrapy": (1, 8)}, "pip install"),
    ("not-importable", {"broken": {"shop.Gone": "No module named 'shop'"}}, "shop.Gone"),
    ("spiders", {"spiders": "invalid syntax (books.py, line 3)"}, "books.py, line 3"),
    ("not-listed", {"middlewares": THEIRS, "extensions": ()}, 'ADDONS = {"rf_scrapy.Addon": 500}'),
    ("switched-off", {"values": {"RF_ENABLED": False}}, "set it to True"),
    ("reactor", {"asyncio": False}, "AsyncioSelectorReactor"),
    ("components", {"extensions": ()}, 'EXTENSIONS = {"rf_scrapy.CrawlReporter": 0}'),
    ("components", {"middlewares": (*THEIRS, OURS[0])}, '"rf_scrapy.ProxyMiddleware": 950'),
    ("order", {"middlewares": moved("BackoffMiddleware", 540)}, "must be above RetryMiddleware"),
    ("order", {"middlewares": moved("BackoffMiddleware", 800)}, "must be below CookiesMiddleware"),
    ("order", {"middlewares": moved("ProxyMiddleware", 555)}, "must be above BackoffMiddleware"),
    ("order", {"middlewares": moved("ProxyMiddleware", 595)}, "must be above RedirectMiddleware"),
    (
        "order",
        {"middlewares": moved("ProxyMiddleware", 610), "values": {"HTTPCACHE_ENABLED": True}},
        "must be above HttpCacheMiddleware (900)",
    ),
    ("order-cost", {"middlewares": moved("BackoffMiddleware", 650)}, "compressed bodies"),
    ("http2", {"handlers": handled_by(H2)}, 'Remove "https" from DOWNLOAD_HANDLERS'),
    ("http2", {"handlers": handled_by("shop.Own", H2)}, "HTTP/2"),
    ("browser", {"handlers": handled_by(PLAYWRIGHT)}, "scrapy-playwright"),
    ("browser", {"middlewares": (*THEIRS, *OURS, Listed("scrapy_splash.SplashMiddleware", 725))},
     "scrapy-splash"),
    ("handler", {"handlers": handled_by("shop.Own")}, "shop.Own fetches https"),
    ("httpproxy-off", {"values": {"HTTPPROXY_ENABLED": False}}, "Remove HTTPPROXY_ENABLED"),
    ("other-proxies", {"middlewares": (*THEIRS, *OURS, Listed(ROTATING, 610))},
     f'DOWNLOADER_MIDDLEWARES = {{"{ROTATING}": None}}'),
    ("https-proxy", {"environment": {"https": "https://proxy.example:3128"}}, "unset https_proxy"),
    ("setting", {"unreadable": ("RF_ROTATE = 'x' cannot be used.", "Write 20.")}, "Write 20."),
    ("account", {"account": ("No API key.", "Set RF_API_KEY.")}, "Set RF_API_KEY."),
    ("key", {"key_in_settings": True}, "environment variable"),
    ("unknown-setting", {"strangers": {"RF_BUDGE": "RF_BUDGET"}}, "did you mean RF_BUDGET?"),
    ("leftovers", {"leftovers": ("job/requests.queue/p0",)}, "Delete that folder"),
    ("descriptors", {"values": {"CONCURRENT_REQUESTS": 100}, "descriptors": 256}, "ulimit -n 396"),
    (
        "lanes",
        {"values": {"CONCURRENT_REQUESTS": 16, "RF_LIVE_PROXIES": 4}, "rotates_by_requests": True},
        "set it to 20",
    ),
    ("no-jar", {"values": {"COOKIES_ENABLED": False, "RF_ROTATE": "session"}}, "COOKIES_ENABLED"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "facts", "words"), WRONG, ids=[f"{n}-{wrong[0]}" for n, wrong in enumerate(WRONG)]
)
def test_what_is_wrong_is_found_by_its_rule_and_told_with_the_way_out(rule, facts, words):
    found = check(project(**facts))
    assert set(rules_of(found)) - {"order-cost"} <= {rule}
    assert [finding for finding in found if finding.rule == rule and words in str(finding)]


def test_every_rule_is_tried():
    assert {rule for rule, _, _ in WRONG} == {rule.name for rule in RULES}


def test_a_sound_project_has_nothing_wrong():
    assert check(project()) == []


@pytest.mark.parametrize(
    "facts",
    [
        {"middlewares": moved("ProxyMiddleware", 610)},
        {"middlewares": moved("BackoffMiddleware", 585)},
        {"handlers": handled_by("shop.Own", HTTP11.path)},
        {"values": {"RF_ALLOW_DIRECT": True}, "handlers": handled_by(PLAYWRIGHT)},
        {
            "values": {"PLAYWRIGHT_LAUNCH_OPTIONS": {"proxy": {"server": "http://127.0.0.1:1"}}},
            "handlers": handled_by(PLAYWRIGHT),
        },
        {"environment": {"https": "http://proxy.example:3128"}},
        {"values": {"CONCURRENT_REQUESTS": 50}, "descriptors": 256},
        {"values": {"CONCURRENT_REQUESTS": 16, "RF_LIVE_PROXIES": 4}},
    ],
)
def test_what_works_is_not_complained_about(facts):
    assert check(project(**facts)) == []


def test_where_it_is_switched_off_only_that_is_said():
    facts = project(values={"RF_ENABLED": False}, asyncio=False, handlers=handled_by(H2))
    assert rules_of(check(facts)) == ["switched-off"]


def run(folder, *args, env):
    return subprocess.run(
        [sys.executable, "-m", "scrapy", "rf", *args],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture
def bookshop(tmp_path):
    """A project with its settings.py still to be completed."""
    project = tmp_path / "bookshop"
    shutil.copytree(BOOKSHOP, project)
    settings = project / "bookshop" / "settings.py"

    def with_lines(*lines):
        settings.write_text(settings.read_text() + "\n" + "\n".join(lines) + "\n")
        return project

    return with_lines


@pytest.fixture
def env(tmp_path):
    return environment(tmp_path, RF_API_KEY="rf_live_0123456789abcdefghij")


@pytest.mark.parametrize("switched_on", [ADDON, BY_HAND], ids=["addon", "by hand"])
def test_a_sound_project_ends_with_zero_and_says_nothing_on_stdout(bookshop, env, switched_on):
    project = bookshop(*(f"{name} = {value!r}" for name, value in switched_on.items()))
    done = run(project, "check", env=env)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "Nothing is wrong" in done.stderr


def test_errors_end_with_two_and_name_the_line(bookshop, env):
    project = bookshop("TWISTED_REACTOR = 'twisted.internet.epollreactor.EPollReactor'",
                       'ADDONS = {"rf_scrapy.Addon": 500}')  # fmt: skip
    done = run(project, "check", env=env)
    assert done.returncode == 2
    severity, rule, spiders, _what, way_out = done.stdout.rstrip("\n").split("\t")
    assert (severity, rule, spiders) == ("error", "reactor", "")
    assert "TWISTED_REACTOR" in way_out


def test_warnings_end_with_zero_or_with_three_when_they_were_asked_for(bookshop, env):
    project = bookshop('ADDONS = {"rf_scrapy.Addon": 500}', 'RF_BUDGE = "5 GB"')
    assert run(project, "check", env=env).returncode == 0
    done = run(project, "check", "--strict", "--json", env=env)
    assert done.returncode == 3
    document = json.loads(done.stdout)
    assert document["ok"] is True
    assert document["project"] == "bookshop"
    (finding,) = document["findings"]
    assert finding["rule"] == "unknown-setting"
    assert "RF_BUDGET" in finding["what"]


def test_what_only_one_spider_sets_is_told_of_that_spider(bookshop, env):
    project = bookshop('ADDONS = {"rf_scrapy.Addon": 500}')
    (project / "bookshop" / "spiders" / "odd.py").write_text(
        "import scrapy\nclass Odd(scrapy.Spider):\n    name = 'odd'\n"
        "    custom_settings = {'RF_ROTATE': 'always'}\n"
    )
    done = run(project, "check", "--json", env=env)
    (finding,) = json.loads(done.stdout)["findings"]
    assert (finding["rule"], finding["spiders"]) == ("setting", ["odd"])
    assert done.returncode == 2
    assert run(project, "check", "books", env=env).returncode == 0
    assert run(project, "check", "odd", env=env).returncode == 2
    stranger = run(project, "check", "nobody", env=env)
    assert stranger.returncode == 2
    assert "Spider not found: nobody" in stranger.stderr


def test_without_a_key_the_ways_to_set_one_are_said(bookshop, tmp_path):
    project = bookshop('ADDONS = {"rf_scrapy.Addon": 500}')
    done = run(project, "check", env=environment(tmp_path))
    assert done.returncode == 2
    assert "No API key." in done.stdout
    assert "RF_API_KEY" in done.stdout


def test_spiders_that_cannot_be_loaded_are_a_finding_too(bookshop, env):
    project = bookshop('ADDONS = {"rf_scrapy.Addon": 500}')
    (project / "bookshop" / "spiders" / "broken.py").write_text("import nowhere_to_be_found\n")
    done = run(project, "check", env=env)
    assert done.returncode == 2
    assert "nowhere_to_be_found" in done.stdout
    assert "Traceback" not in done.stderr


def test_old_secrets_in_a_job_directory_are_found(bookshop, env, tmp_path):
    job = tmp_path / "job" / "requests.queue"
    job.mkdir(parents=True)
    (job / "p0").write_bytes(
        b"\x80\x04C\x13Proxy-Authorization\x94]\x94C\x16Basic dXNlcjpwYXNzd29yZA=="
    )
    project = bookshop('ADDONS = {"rf_scrapy.Addon": 500}', f"JOBDIR = {str(tmp_path / 'job')!r}")
    done = run(project, "check", "--json", env=env)
    assert [one["rule"] for one in json.loads(done.stdout)["findings"]] == ["leftovers"]
    assert "dXNlcjpw" not in done.stdout + done.stderr


def test_outside_a_project_only_the_add_on_is_missing(tmp_path, env):
    done = run(tmp_path, "check", "--json", env=env)
    assert [one["rule"] for one in json.loads(done.stdout)["findings"]] == ["not-listed"]


@pytest.mark.parametrize("args", [(), ("repair",)])
def test_what_is_not_check_is_wrong_usage(tmp_path, env, args):
    done = run(tmp_path, *args, env=env)
    assert done.returncode == 2
    assert "scrapy rf check" in done.stderr


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"DOWNLOAD_HANDLERS": {"https": H2}}, "HTTP/2"),
        ({"DOWNLOADER_MIDDLEWARES": {"rf_scrapy.ProxyMiddleware": 540}}, "must be above"),
        ({"DOWNLOADER_MIDDLEWARES": {"rf_scrapy.BackoffMiddleware": 540}}, "must be above Retry"),
    ],
)
def test_a_crawl_that_cannot_work_does_not_start_and_names_the_line(
    sandbox, tmp_path, settings, words
):
    done = crawl(
        tmp_path,
        spider(f"{sandbox.site_http}/ip"),
        ADDON | settings,
        environment(tmp_path, sandbox),
    )
    assert done.stats["finish_reason"] == "rf_settings", done.log
    assert words in done.log
    assert sandbox.state()["site"]["requests"] == 0
    assert sandbox.journal()["calls"] == []


def test_a_crawl_says_what_may_go_wrong_and_starts(sandbox, tmp_path):
    settings = ADDON | {"RF_BUDGE": "5 GB", "HTTPPROXY_ENABLED": False}
    done = crawl(
        tmp_path, spider(f"{sandbox.site_https}/ip"), settings, environment(tmp_path, sandbox)
    )
    assert done.stats["item_scraped_count"] == 1, done.log
    assert "RF_BUDGE is no setting of rf_scrapy; did you mean RF_BUDGET?" in done.log
    assert "HTTPPROXY_ENABLED is off" in done.log
