"""Finds which tests carry which contract ids: in their docstrings, names and tables of cases."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
_ID = re.compile(r"C-\d{3}")


def named_by_tests() -> dict[str, list[str]]:
    """Contract id → tests as `folder/file::name`, those of the sandbox first."""
    found: dict[str, list[str]] = {}
    files = sorted(TESTS.glob("*/**/test_*.py"), key=lambda p: (p.parent.name != "sandbox", p))
    for path in files:
        where = path.relative_to(TESTS).with_suffix("")
        for name, ids in _tests_of(path.read_text()):
            for contract_id in sorted(ids):
                found.setdefault(contract_id, []).append(f"{where}::{name}")
    return found


def _tests_of(source: str) -> Iterator[tuple[str, set[str]]]:
    """Each test with the ids in it, and in the tables of cases that it names."""
    tree = ast.parse(source)
    tables = {
        target.id: set(_ID.findall(ast.get_source_segment(source, node) or ""))
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if is_function and node.name.startswith("test_"):
            decorators = [ast.get_source_segment(source, one) or "" for one in node.decorator_list]
            text = "\n".join([*decorators, ast.get_source_segment(source, node) or ""])
            names = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
            ids = set(_ID.findall(text)).union(*(tables.get(name, set()) for name in names))
            yield node.name, ids
