"""The `rf` command itself: finds the subcommand, runs it, turns what happens into an exit code."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from rf_core import __version__
from rf_core.errors import ResiFactoryError
from rf_tui.cli.exit_codes import MEANINGS, ExitCode, exit_code_of

COMMANDS: Final = {
    "monitor": ("rf_tui.cli.monitor:monitor", "The live dashboard; the same as `rf` alone."),
    "me": ("rf_tui.cli.facts:me", "Who this key is and what it may do."),
    "pools": ("rf_tui.cli.facts:pools", "Pools and targeting values of today."),
    "balance": ("rf_tui.cli.facts:balance", "What every pool has left."),
    "usage": ("rf_tui.cli.facts:usage", "Top domains by traffic."),
    "generate": ("rf_tui.cli.generate:generate", "New credentials, for any tool."),
    "limits": ("rf_tui.cli.limits:limits", "What is left of both rate-limit windows, at no call."),
    "crawls": ("rf_tui.cli.crawls:crawls", "Running and past crawls of this machine, at no call."),
    "ledger": ("rf_tui.cli.ledger:ledger", "What was spent, by whom and where, at no call."),
    "forecast": ("rf_tui.cli.forecast:forecast", "How long each pool lasts, as an interval."),
    "alerts": ("rf_tui.cli.alerts:alerts", "What you wanted to be told of, and that you know."),
    "relay": ("rf_tui.cli.relay:relay", "A metered loopback proxy for any other tool."),
    "run": ("rf_tui.cli.running:run", "Run a command through it, and say what it cost."),
    "doctor": ("rf_tui.cli.doctor:doctor", "What works, what does not, and the way out of it."),
    "record": ("rf_tui.cli.recorder:record", "Keep what the monitor shows in a file."),
    "replay": ("rf_tui.cli.recorder:replay", "Show a recording as the monitor showed it."),
    "sandbox": (
        "rf_tui.cli.sandbox:sandbox",
        "The API, a metering gateway and a site on loopback.",
    ),
    "demo": ("rf_tui.cli.demo:demo", "A real crawl draining a real balance, without an account."),
    "completion": ("rf_tui.cli.completion:completion", "Shell completion."),
}
"""Name → where its code is, and what `rf --help` says of it without loading it."""


_OWN_OPTIONS: Final = frozenset({"-h", "--help", "--version"})


class LazyGroup(click.Group):
    """Loads a command's module when it is called, so that `rf --help` loads none of them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take options without a command as options of the dashboard: `rf --once`."""
        if args and args[0].startswith("-") and args[0] not in _OWN_OPTIONS:
            args = ["monitor", *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load a command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_) for name, (_, help_) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete names from the table, loading nothing, and options of the dashboard too."""
        found = [
            CompletionItem(name, help=about)
            for name, (_, about) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        found += click.Command.shell_complete(self, ctx, incomplete)
        if incomplete.startswith("-"):
            from rf_tui.cli.monitor import monitor  # noqa: PLC0415 - see get_command

            known = {item.value for item in found}
            theirs = monitor.shell_complete(ctx, incomplete)
            found += [item for item in theirs if item.value not in known]
        return found

    def make_context(self, *args: Any, **settings: Any) -> click.Context:
        """Read the arguments; that alone may print, when they ask for help."""
        try:
            return super().make_context(*args, **settings)
        except BrokenPipeError:
            _hang_up()
            raise click.exceptions.Exit(ExitCode.DONE) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run it. Whoever reads our output may stop reading: they have seen enough."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _hang_up()
            return ExitCode.DONE

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command when there is none of that name."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib  # noqa: PLC0415 - only for this sentence

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            if not near:
                raise
            message = f"{error.format_message()} Did you mean `rf {near[0]}`?"
            raise click.UsageError(message, ctx) from None


def _hang_up() -> None:
    """Nobody reads any more: Python would complain of that once more when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_EPILOG = (
    "Exit codes: " + "; ".join(f"{code.value} {text}" for code, text in MEANINGS.items()) + "."
)


@click.group(
    "rf",
    cls=LazyGroup,
    invoke_without_command=True,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="rf")
@click.pass_context
def rf(ctx: click.Context) -> int:
    """See where your residential-proxy gigabytes go.

    Without a command: the live dashboard, and options are those of `rf monitor`. Set RF_API_KEY
    first, or try `rf demo`.
    """
    if ctx.invoked_subcommand is None:
        from rf_tui.cli.monitor import monitor  # noqa: PLC0415 - see LazyGroup

        return int(ctx.invoke(monitor))
    return ExitCode.DONE


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the console script's entry point."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that has no block characters gets question marks, not a traceback.
            stream.reconfigure(errors="replace")
    try:
        result: Any = rf.main(args=arguments, prog_name="rf", standalone_mode=False)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE if isinstance(error, click.UsageError) else ExitCode.FAILED
    except ResiFactoryError as error:
        click.echo(f"rf: {error.message}", err=True)
        if error.way_out:
            click.echo(f"    {error.way_out}", err=True)
        return exit_code_of(error)
    except (KeyboardInterrupt, click.Abort):
        return ExitCode.INTERRUPTED
    return int(result) if isinstance(result, int) else ExitCode.DONE
