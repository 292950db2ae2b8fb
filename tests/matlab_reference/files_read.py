"""Which recorded and published outputs a test reads, from its source."""

from __future__ import annotations

import ast
import functools
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
TESTS = ROOT / "tests"
# Where names are followed to: helpers of tests, and readers of the published models.
FOLLOWED = (TESTS, ROOT / "aet_port" / "validation")


class Names(NamedTuple):
    """Texts that pieces of code write, and patterns of those that they fill something into."""

    constants: frozenset[str]
    patterns: tuple[re.Pattern[str], ...]

    def golden(self, name: str) -> bool:
        """Whether they name this golden file, each filled-in part being a number or a text too.

        Some files leave the repository or the suffix to a helper.
        """
        name = name.removesuffix(".mat")
        if {name, name[4:], f"{name}.mat"} & self.constants:
            return True
        for pattern in self.patterns:
            found = pattern.fullmatch(name)
            if found and all(
                not part or part.isdecimal() or part in self.constants for part in found.groups()
            ):
                return True
        return False

    def published(self, path: str) -> bool:
        """Whether they name this file of the published data."""
        return Path(path).name in self.constants


@functools.cache
def parsed(file: Path) -> ast.Module:
    """Syntax tree of a source file."""
    return ast.parse(file.read_text(encoding="utf-8"))


def names_in(nodes: Iterable[ast.AST]) -> Names:
    """Names of files that pieces of code write."""
    constants, patterns = set(), []
    for part in (part for node in nodes for part in ast.walk(node)):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            constants.add(part.value)
        elif isinstance(part, ast.JoinedStr):
            text = "".join(
                re.escape(v.value) if isinstance(v, ast.Constant) else "(.*)" for v in part.values
            ).removesuffix(r"\.mat")
            # More of a name than the repository, and parts of a file name only.
            if (
                "__" in text
                and len(re.findall("[A-Za-z]", text)) > 6
                and not re.search(r"\s", text)
            ):
                patterns.append(re.compile(rf"(?:am__|mg__)?{text}"))
    return Names(frozenset(constants), tuple(patterns))


def _defined_in(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]
    if isinstance(node, ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    return []


@functools.cache
def _definitions(file: Path) -> dict[str, list[ast.stmt]]:
    """What a file defines or imports at its top level, by name."""
    found: dict[str, list[ast.stmt]] = defaultdict(list)
    for node in parsed(file).body:
        for name in _defined_in(node):
            found[name].append(node)
    return found


def _mentioned(node: ast.AST) -> set[str]:
    """Names that a piece of code uses: variables, functions, attributes, fixtures."""
    found = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            found.add(part.id)
        elif isinstance(part, ast.arg):
            found.add(part.arg)
    return found


def _reached(file: Path, name: str, seen: dict[tuple[Path, str], list[ast.stmt]]) -> None:
    for place in (file, file.parent / "conftest.py", TESTS / "conftest.py"):
        if (place, name) in seen or not place.is_file() or name not in _definitions(place):
            continue
        seen[place, name] = _definitions(place)[name]
        for node in seen[place, name]:
            if not isinstance(node, ast.ImportFrom):
                for word in _mentioned(node):
                    _reached(place, word, seen)
                continue
            module = ROOT / f"{(node.module or '').replace('.', '/')}.py"
            if module.is_file() and any(module.is_relative_to(one) for one in FOLLOWED):
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        _reached(module, alias.name, seen)


@functools.cache
def names_of_test(test: str) -> Names:
    """Names that a test (``tests/file.py::name``), what it calls and its fixtures write."""
    file, _, name = test.partition("::")
    seen: dict[tuple[Path, str], list[ast.stmt]] = {}
    _reached(ROOT / file, name, seen)
    return names_in(node for nodes in seen.values() for node in nodes)
