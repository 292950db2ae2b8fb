"""The reference of the public functions and classes, made from signatures and docstrings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from griffe import Alias, Attribute, Class, Function, GriffeLoader, Module, Object, Parser
from griffe2md import ConfigDict, prepare_context, prepare_env

PACKAGES = ("aet_port", "mdb", "md_sim", "matlab_reference")
HEAD = """\
# Functions and classes

One page for each module, made by `make docs` from the docstrings. What most users need is one
import away: `import aet_port as aet`, `import mdb`. Lengths are in angstrom, angles in degrees.
`MATLAB` names the function of the papers' code that a function computes the same as, or says that
there is none.
"""
CONFIG: ConfigDict = {
    "members_order": "source",
    "show_if_no_docstring": False,
    "show_signature_annotations": True,
    "inherited_members": False,
    "show_submodules": False,
    "show_root_full_path": True,
    "show_object_full_path": False,
    "filters": ["!^_"],
    "summary": False,
    "heading_level": 1,
    "line_length": 100,
}
# The lines that end the docstring of a ported function, or stand in its section Notes.
_ORIGIN = re.compile(r"\n\s*MATLAB: (?P<origin>.+?)(?=\n\n|\s*\Z)", re.DOTALL)
_EMPTY_NOTES = re.compile(r"\n\nNotes\n-----\s*(?=\n\n\S[^\n]*\n---|\Z)")
_RETURNS = re.compile(r"\nReturns\n-------\n(?P<text>\S.*(?:\n\S.*)*)(?=\n\n|\n*\Z)")
_ROLE = re.compile(r":(?:func|class|meth|mod|data|attr|exc):`~?\.?([^`]+)`")
_LITERAL = re.compile(r"``([^`]+)``")
_CODE = re.compile(r"<code>(.*?)</code>")
_LINK = re.compile(r"\[([^\[\]]+)\]\(#[^)]*\)")


def api_pages(root: Path) -> dict[str, str]:
    """The pages by their path below ``docs/api``, with ``README.md`` as their contents.

    Parameters
    ----------
    root
        Folder that holds the packages; they are read, not imported.
    """
    loader = GriffeLoader(
        docstring_parser=Parser.numpy, search_paths=[root], allow_inspection=False
    )
    template = prepare_env().get_template("module.md.jinja")
    pages, contents = {}, [HEAD]
    packages = [loader.load(name) for name in PACKAGES]
    modules = [one for package in packages for one in _modules(package) if _public(one)]
    for module in modules:  # all of them first: a package shows what it imports from its modules
        _prepare(module)
    for module in modules:
        path = _page(module)
        pages[path] = _tidy(template.render(**prepare_context(module, CONFIG)))
        if module.is_init_module:
            contents.append(f"\n## [{module.path}]({path})\n\n{_summary(module)}\n")
        else:
            contents.append(f"- [{module.path}]({path}): {_summary(module)}")
    pages["README.md"] = "\n".join(contents) + "\n"
    return pages


def _modules(package: Object | Alias) -> Iterator[Module]:
    """A package, its modules, and then the packages within, by name."""
    if not isinstance(package, Module):
        raise TypeError(f"{package.path}: no package")
    yield package
    inner = [one for one in package.members.values() if isinstance(one, Module)]  # no imported ones
    for module in sorted(inner, key=lambda one: (one.is_init_module, one.name)):
        yield from _modules(module)


def _public(module: Module) -> bool:
    """Whether there is something in it for users of Python; commands have ``--help``."""
    if module.is_init_module:
        return True
    if module.name in ("cli", "commands", "console", "options") or "command" in module.name:
        return False
    return any(not name.startswith("_") for name in (*module.functions, *module.classes))


def _page(module: Module) -> str:
    parts = module.path.split(".")
    return "/".join([*parts, "README.md"] if module.is_init_module else parts) + (
        "" if module.is_init_module else ".md"
    )


def _summary(module: Module) -> str:
    text = "" if module.docstring is None else module.docstring.value
    return _plain(" ".join(text.split("\n\n")[0].split()))


def _prepare(item: Object) -> None:
    """Turn the house's docstrings, and those of all members, into what the renderer reads."""
    if item.docstring is not None:
        text = item.docstring.value
        origin = _ORIGIN.search(text)
        if origin is not None:
            # Where it stands it would be read as part of the last section.
            others = text[: origin.start()].rstrip() + text[origin.end() :]
            head, _, rest = _EMPTY_NOTES.sub("", others).partition("\n\n")
            words = " ".join(origin["origin"].split())
            text = "\n\n".join(part for part in (head, f"*MATLAB:* {words}", rest) if part)
        if isinstance(item, Function):
            text = _RETURNS.sub(lambda found: _returned(item, found["text"]), text)
        item.docstring.value = _plain(text)
    for member in item.members.values():
        if isinstance(member, Attribute | Class | Function):
            _prepare(member)


def _returned(function: Function, text: str) -> str:
    """The section of what is returned, which here is a text without the type."""
    body = "\n".join(f"    {line}" for line in text.splitlines())
    return f"\nReturns\n-------\n{function.returns or 'object'}\n{body}"


def _plain(text: str) -> str:
    return _LITERAL.sub(r"`\1`", _ROLE.sub(r"`\1`", text))


def _tidy(page: str) -> str:
    """Types as code without links to where nothing is."""
    page = _CODE.sub(r"`\1`", _LINK.sub(r"\1", page))
    page = "\n".join(line.rstrip() for line in page.splitlines())
    return re.sub(r"\n{3,}", "\n\n", page).strip() + "\n"
