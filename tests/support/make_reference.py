"""Draws the tables of the reference pages from the tables the code reads.

Run it with `--write` after changing a setting, a stat, a switch, a fault, or a test's contract id.
"""

import sys
from pathlib import Path

import click
from support.contract import ROWS
from support.contract_duties import DUTIES
from support.contract_tests import named_by_tests

from rf_core.alert_settings import ALERT_KEYS, FACTS, RULE_KEYS
from rf_core.causes import CAUSES
from rf_core.checkup import AREAS
from rf_core.variables import PROFILE_KEYS, REFERENCES, VARIABLES
from rf_core.verdicts import RULES as VERDICTS
from rf_core.verdicts import Action, What
from rf_sandbox.control_api import CALLS
from rf_sandbox.faults import KINDS
from rf_sandbox.pages.routing import ANY, READ
from rf_sandbox.pages.site import PAGES as SITE_PAGES
from rf_sandbox.pages.visits import EVENTS
from rf_sandbox.switches import READINGS, of_profile
from rf_scrapy.checks import RULES
from rf_scrapy.extension import FINISH_REASONS
from rf_scrapy.kinds import WAYS
from rf_scrapy.meta import META
from rf_scrapy.settings import SETTINGS
from rf_scrapy.stats import (
    CAUSE_PREFIX,
    DIRECT_PREFIX,
    STATS,
    TARGETING_PREFIX,
    VERDICT_PREFIX,
)
from rf_tui.amounts import UNITS
from rf_tui.cli.exit_codes import MEANINGS
from rf_tui.cli.json_keys import JSON_KEYS
from rf_tui.cli.main import COMMANDS, rf
from rf_tui.exports import EXPORTS
from rf_tui.keys import CONTROL_KEYS, GENERATOR_KEYS, KEYS, REPLAY_KEYS, spoken

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"

_BEGIN = "<!-- {name}: drawn from the code -->"
_END = "<!-- end -->"
_MOST_TESTS = 3


def _default(value):
    if value is None:
        return "none"
    if isinstance(value, frozenset):
        return f"`{sorted(value)}`"
    return f"`{value!r}`"


def _scrapy():
    return {
        "settings": [
            "| setting | default | meaning |",
            "|---|---|---|",
            *(f"| `{s.name}` | {_default(s.default)} | {s.meaning} |" for s in SETTINGS),
        ],
        "meta": [
            "| key | meaning |",
            "|---|---|",
            *(f"| `{key.name}: {key.example}` | {key.meaning} |" for key in META),
        ],
        "rules": [
            "| rule | severity | what it finds |",
            "|---|---|---|",
            *(f"| `{rule.name}` | {rule.severity} | {rule.meaning} |" for rule in RULES),
        ],
        "stats": [
            "| stat | what it counts |",
            "|---|---|",
            *(f"| `{stat.name}` | {stat.meaning}. |" for stat in STATS),
            f"| `{VERDICT_PREFIX}<name>` | [Verdicts](verdicts.md), as `gateway_auth`. |",
            f"| `{CAUSE_PREFIX}<cause>` | Billed bytes by cause, named below; they sum to all. |",
            f"| `{TARGETING_PREFIX}<name>` | Those that asked for it themselves, as `de sticky`. |",
            f"| `{DIRECT_PREFIX}<way>` | Those by each way, named below. |",
        ],
        "causes": [
            "| cause | what it is |",
            "|---|---|",
            *(f"| `{cause}` | {meaning}. |" for cause, meaning in CAUSES.items()),
        ],
        "ways": [
            "| way | by whose word |",
            "|---|---|",
            *(f"| `{DIRECT_PREFIX}{way}` | {word} |" for way, word in WAYS.items()),
        ],
        "finish reasons": [
            "| reason | when |",
            "|---|---|",
            *(f"| `{name}` | {meaning} |" for name, meaning in FINISH_REASONS.items()),
        ],
    }


def _sandbox():
    adverse = of_profile("adverse").document()
    return {
        "control": [
            "| call | what it takes or answers |",
            "|---|---|",
            *(f"| `{c.method} {c.path.replace(':int', '')}` | {c.about} |" for c in CALLS),
        ],
        "switches": [
            "| switch | the question | readings | `adverse` | id |",
            "|---|---|---|---|---|",
            *(
                f"| `{name}` | {facts.question} | {_readings(facts)} | `{_short(adverse[name])}` "
                f"| {facts.contract} |"
                for name, facts in READINGS.items()
            ),
        ],
        "faults": [
            "| kind | what happens | where | takes |",
            "|---|---|---|---|",
            *(
                f"| `{name}` | {kind.means} | {', '.join(kind.places)} "
                f"| {', '.join(f'`{one}`' for one in kind.takes)} |"
                for name, kind in KINDS.items()
            ),
        ],
    }


def _readings(facts):
    if facts.span:
        return f"{facts.span[0]:g} to {facts.span[1]:g}"
    return ", ".join(f"`{one}`" for one in facts.readings)


def _short(reading):
    return f"{reading:g}" if isinstance(reading, float) else reading


def _contract():
    known = named_by_tests()
    lines = [
        "| id | the API says or leaves open | the client | `documented` | other readings | tests |",
        "|---|---|---|---|---|---|",
    ]
    for row in ROWS:
        switches = [
            f"`{name}`: {_readings(facts)}"
            for name, facts in READINGS.items()
            if row.id in facts.contract
        ]
        tests = _of_both(known.get(row.id, []))
        named = "; ".join(f"`{test}`" for test in tests[:_MOST_TESTS])
        more = f" and {len(tests) - _MOST_TESTS} more" if len(tests) > _MOST_TESTS else ""
        lines.append(
            f"| {row.id} | {row.says} | {DUTIES.get(row.id, '')} "
            f"| {row.sandbox or 'asks of clients alone'} "
            f"| {'; '.join(switches)} | {named}{more} |"
        )
    return {"contract": lines}


def _of_both(tests):
    """Some of the sandbox's tests and some of the client's first."""
    ours = [test for test in tests if not test.startswith("sandbox/")]
    shown = [test for test in tests if test not in ours][: _MOST_TESTS - len(ours[:1])]
    shown += ours[: _MOST_TESTS - len(shown)]
    return shown + [test for test in tests if test not in shown]


def _site():
    return {
        "pages": [
            "| address | method | what it answers |",
            "|---|---|---|",
            *(f"| `{one.address}` | {_methods(one)} | {one.about} |" for one in SITE_PAGES),
        ],
        "events": [
            "| event | what happened |",
            "|---|---|",
            *(f"| `{name}` | {meaning} |" for name, meaning in EVENTS.items()),
        ],
    }


def _methods(page):
    return {READ: "GET", ANY: "any"}.get(page.methods, ", ".join(page.methods))


def _parameters(name, kind):
    command = rf.get_command(click.Context(rf), name)
    return [parameter for parameter in command.params if isinstance(parameter, kind)]


def _usage(name):
    arguments = [argument.name.upper() for argument in _parameters(name, click.Argument)]
    return " ".join(["rf", name, *arguments])


def _options(name):
    written = [
        " ".join(filter(None, (option.opts[0], "" if option.is_flag else option.metavar)))
        for option in _parameters(name, click.Option)
    ]
    return ", ".join(f"`{one}`" for one in written).replace("|", "\\|")


def _commands():
    return {
        "commands": [
            "| command | what it does | options |",
            "|---|---|---|",
            *(
                f"| `{_usage(name)}` | {about} | {_options(name)} |"
                for name, (_where, about) in COMMANDS.items()
            ),
        ],
        "doctor": [
            "| area | what is looked at |",
            "|---|---|",
            *(f"| `{area}` | {about} |" for area, about in AREAS.items()),
        ],
        "exit codes": [
            "| code | meaning |",
            "|---|---|",
            *(f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items()),
        ],
        "json keys": [
            "| command | key | what it says |",
            "|---|---|---|",
            *(
                f"| `{name}` | `{key}` | {meaning} |"
                for name, keys in JSON_KEYS.items()
                for key, meaning in keys.items()
            ),
        ],
        "variables": [
            "| variable | what it sets |",
            "|---|---|",
            *(f"| `{name}` | {meaning} |" for name, meaning in VARIABLES.items()),
        ],
        "profile": [
            "| in a profile | what it says |",
            "|---|---|",
            *(f"| `{name}` | {meaning} |" for name, meaning in PROFILE_KEYS.items()),
        ],
        "alerts": [
            "| in `alerts` | what it says |",
            "|---|---|",
            *(f"| `{name}` | {meaning} |" for name, meaning in ALERT_KEYS.items()),
        ],
        "rules": [
            "| in a rule | what it says |",
            "|---|---|",
            *(f"| `{name}` | {meaning} |" for name, meaning in RULE_KEYS.items()),
        ],
        "facts": [
            "| fact | what it says |",
            "|---|---|",
            *(f"| `{name}` | {meaning} |" for name, meaning in FACTS.items()),
        ],
        "references": [
            "| the key is in | which is |",
            "|---|---|",
            *(f"| `{name}` | {meaning} |" for name, meaning in REFERENCES.items()),
        ],
    }


def _verdicts():
    return {
        "verdicts": [
            "| who | what | counted as | so | at most | then | an `rf_session` |",
            "|---|---|---|---|---|---|---|",
            *(
                f"| {rule.who} | {rule.meaning} | `{VERDICT_PREFIX}{_counted(rule)}` "
                f"| {_done(rule.action, rule.reason)} | {_times(rule)} "
                f"| {'' if rule.times is None else _done(rule.then, rule.reason)} "
                f"| {'goes on' if rule.keeps_session else 'begins anew'} |"
                for rule in VERDICTS
            ),
        ]
    }


def _counted(rule):
    return "target_429" if rule.what is What.SLOWER else rule.name


def _done(action, reason):
    return f"{action} (`{reason}`)" if action is Action.STOP else str(action)


def _times(rule):
    if rule.times is None:
        return ""
    return f"`{rule.times}`" if isinstance(rule.times, str) else f"{rule.times} times"


def _monitor():
    return {
        "keys": [
            "| id | keys | what they do |",
            "|---|---|---|",
            *(
                f"| `{key.id}` | {spoken(key.keys).replace('|', chr(92) + '|')} | {key.meaning} |"
                for key in (*KEYS, *REPLAY_KEYS, *GENERATOR_KEYS, *CONTROL_KEYS)
            ),
        ],
        "units": [
            "| unit | what it means |",
            "|---|---|",
            *(f"| {unit} | {meaning} |" for unit, meaning in UNITS.items()),
        ],
        "exports": [
            "| table | column | what it says |",
            "|---|---|---|",
            *(
                f"| `{table}` | `{field.name}` | {field.meaning} |"
                for table, fields in EXPORTS.items()
                for field in fields
            ),
        ],
    }


PAGES = {
    "commands.md": _commands,
    "monitor.md": _monitor,
    "scrapy.md": _scrapy,
    "verdicts.md": _verdicts,
    "sandbox.md": _sandbox,
    "site.md": _site,
    "contract.md": _contract,
}
"""Page → what its tables are."""


def redrawn(page: str) -> str:
    """Return a page with every table as the code has it now."""
    text = (REFERENCE / page).read_text()
    for name, lines in PAGES[page]().items():
        begin = _BEGIN.format(name=name)
        before, found, rest = text.partition(begin)
        assert found, f"{page} has no place for the table {name}"
        _old, _, after = rest.partition(_END)
        text = "\n".join([before + begin, *lines, _END]) + after
    return text


if __name__ == "__main__":
    for one in PAGES:
        if "--write" in sys.argv:
            (REFERENCE / one).write_text(redrawn(one))
        else:
            print(redrawn(one))
