"""`rf completion SHELL`: the script to source."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from rf_tui.cli.teaching import taught


@taught(
    "completion",
    ("source <(rf completion bash)", "in ~/.bashrc"),
    ("source <(rf completion zsh)", "in ~/.zshrc, after compinit"),
    ("rf completion fish | source", "in ~/.config/fish/config.fish"),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands and options when you press Tab."""
    found = get_completion_class(shell)
    root = ctx.find_root().command
    if found is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    click.echo(found(root, {}, "rf", "_RF_COMPLETE").source())
