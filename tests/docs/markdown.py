"""The fenced blocks of a Markdown page, and the ``aet`` commands in them.

In the tutorials, blocks marked ``sh``, ``python``, ``sql`` and ``toml`` are what a reader does in
the order of the list, and a test does it, too; ``console`` marks commands that take long, or need
LAMMPS, a browser or the published data: their options are checked, as are those of all commands in
the README and in the how-to pages.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


def _listed(page: str) -> tuple[str, ...]:
    """The pages of the hidden list of contents of a page, in its order."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    lines = text.split("```{toctree}")[1].split("```")[0].splitlines()
    return tuple(f"docs/{line}.md" for line in lines if line and not line.startswith(":"))


TUTORIALS = _listed("tutorials.md")
HOW_TO = _listed("howto.md")
THEORY = _listed("theory.md")
PAGES = ("README.md", "docs/commands.md", *TUTORIALS, *HOW_TO)
SHELL = ("sh", "console")


class Block(NamedTuple):
    """A fenced block: language, text, line of the page where it begins."""

    language: str
    text: str
    line: int


def blocks(page: str) -> list[Block]:
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(m[1], m[2], text[: m.start()].count("\n") + 2) for m in found]


def commands(block: Block) -> Iterator[list[str]]:
    """The words after ``aet`` of each command of a block of shell, without comments."""
    for line in block.text.splitlines():
        words = shlex.split(line, comments=True)
        if words and words[0] in ("aet", ".venv/bin/aet") and "--help" not in words:
            yield words[1:]


def every_command() -> list[tuple[str, list[str]]]:
    """The commands of all pages, each with the place where it stands."""
    return [
        (f"{page}:{block.line}", words)
        for page in PAGES
        for block in blocks(page)
        if block.language in SHELL
        for words in commands(block)
    ]
