"""The `rf` command: arguments in, exit code out."""
