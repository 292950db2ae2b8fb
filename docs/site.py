"""What the site holds beside its written pages: made from the code, the tables, the examples."""

from __future__ import annotations

import csv
import inspect
import os
import re
import shutil
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

from matlab_reference.locate import candidates, holds_data

ROOT = Path(__file__).resolve().parents[1]
_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
VERSION = import_module("aet_port").__version__
REPOSITORY = _PROJECT["urls"]["Repository"]

# What users meet first, then the packages of the layers, from the images to the bank.
PACKAGES = {
    "aet_port": "What most users need: `import aet_port as aet`",
    "mdb": "The bank: `import mdb`",
    "md_sim": "Melt-quenches with LAMMPS: `import md_sim`",
    "aet_port.io": "Files",
    "aet_port.preprocessing": "Raw frames to a clean series",
    "aet_port.alignment": "Angles and shifts",
    "aet_port.resire": "Reconstruction",
    "aet_port.detection": "Atoms from counts",
    "aet_port.tracing": "Atoms from a volume",
    "aet_port.refinement": "Refinement against the images",
    "aet_port.structure": "Structure",
    "aet_port.diffraction": "Diffraction patterns",
    "aet_port.simulation": "Simulated samples and images",
    "aet_port.validation": "Comparison with the truth, and without it",
    "aet_port.reviewing": "A person looks at every atom",
}
_MATLAB = {
    "mg": "glass",
    "am": "film",
}


def write_made_pages(folder: Path) -> None:
    """Write the pages that are made from the code: the reference, and the table of functions."""
    folder.mkdir(exist_ok=True)
    kept = {
        f"{name}.{one}.rst"
        for name in PACKAGES
        for one in set(import_module(name).__all__) - _also_in_aet_port(name)
    }
    for path in (folder / "generated").glob("*.rst"):
        if path.name not in kept:  # of a name that is gone
            path.unlink()
    pages = {"functions.md": functions_page(), "reference.md": reference_page()}
    pages |= {f"{name}.md": package_page(name, title) for name, title in PACKAGES.items()}
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def reference_page() -> str:
    """The page that leads to the packages."""
    lines = [
        "# Functions and classes",
        "",
        "Lengths are in angstrom, angles in degrees. Volumes are `(nx, ny, nz)`, images",
        "`(n, nx, ny)`, positions `(n, 3)` with the origin on the rotation centre. *MATLAB* in",
        "the notes names the function of the papers' code that gives the same, or says that",
        "there is none.",
        "",
        "| package | |",
        "|---|---|",
        *(f"| [`{name}`]({name}.md) | {title} |" for name, title in PACKAGES.items()),
        "",
        "```{toctree}",
        ":hidden:",
        "",
        *PACKAGES,
        "```",
        "",
    ]
    return "\n".join(lines)


def package_page(name: str, title: str) -> str:
    """The public names of a package, each with a page of its own."""
    # What can also be had from `aet_port` has its page there: links lead to one place.
    shown = set(import_module(name).__all__)
    first = _also_in_aet_port(name)
    lines = [f"# {name}", "", f"{title}.", "", "```{eval-rst}", f".. currentmodule:: {name}", ""]
    lines += [".. autosummary::", "   :toctree: generated", "   :nosignatures:", ""]
    lines += [f"   {one}" for one in sorted(shown - first, key=str.lower)]
    lines += ["```", ""]
    if shown & first:
        also = sorted(shown & first, key=str.lower)
        links = ", ".join(f"[`{one}`](generated/aet_port.{one})" for one in also)
        lines += [f"Also here: {links}.", ""]
    return "\n".join(lines)


def _also_in_aet_port(name: str) -> set[str]:
    if name == "aet_port":
        return set()
    top, package = import_module("aet_port"), import_module(name)
    return {one for one in top.__all__ if getattr(package, one, None) is getattr(top, one)}


def functions_page() -> str:
    """Each file of the papers' code and its counterpart here."""
    table = ROOT / "matlab_reference" / "functions.csv"
    with table.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    text = [
        "# MATLAB to Python",
        "",
        f"The {len(rows)} files of the code of the two papers, and what does the same here.",
        "*glass* is the repository of the Nature paper, *film* that of the Nature Materials paper.",
        "`aet reference functions` prints the same table.",
        "",
        "```{raw} html",
        '<input class="table-filter" type="search" placeholder="Filter the rows" '
        'aria-label="Filter the rows">',
        "```",
        "",
        "| paper | file | purpose | here | status |",
        "|---|---|---|---|---|",
    ]
    text += [
        "| "
        + " | ".join(
            _cell(value)
            for value in (
                _MATLAB[row["repo"]],
                f"`{row['path']}`",
                row["purpose"],
                f"`{row['symbol']}`" if row["symbol"] else "",
                row["status"],
            )
        )
        + " |"
        for row in rows
    ]
    return "\n".join([*text, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def gallery_scripts(folder: Path) -> list[Path]:
    """Copies of the example scripts, so that what they write does not lie among them.

    Those of the papers' figures are shown without pictures where the published data are missing.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "examples", folder, ignore=shutil.ignore_patterns("__pycache__"))
    return [folder]


class WrittenPictures:
    """Shows the pictures that a script of the gallery has written since the last block."""

    def __init__(self) -> None:
        self.shown: dict[Path, int] = {}

    def __repr__(self) -> str:
        return "WrittenPictures"  # part of Sphinx' cache key: always the same

    def __call__(self, block: Any, variables: dict[str, Any], settings: dict[str, Any]) -> str:
        """Copy new pictures beside the page, and give the lines that show them."""
        from sphinx_gallery.scrapers import figure_rst

        paths = []
        for picture in sorted(Path.cwd().glob("*.png")) + sorted(Path.cwd().glob("*.gif")):
            stamp = picture.stat().st_mtime_ns
            if self.shown.get(picture) == stamp:
                continue
            self.shown[picture] = stamp
            path = Path(next(variables["image_path_iterator"])).with_suffix(picture.suffix)
            shutil.copyfile(picture, path)
            paths.append(str(path))
        return str(figure_rst(paths, settings["src_dir"])) if paths else ""


def executed() -> str:
    """Pattern of the scripts that are run for their pictures."""
    return r"\.py$" if any(map(holds_data, candidates())) else r"_scripts/[^/]+\.py$"


def links_out_of_the_site(app: Any, name: str, text: list[str]) -> None:
    """Let relative links to files outside ``docs`` lead to the repository."""
    here = Path(app.srcdir) / Path(name).parent

    def place(match: re.Match[str]) -> str:
        path = Path(os.path.normpath(here / match["path"]))
        if path.is_relative_to(ROOT / "docs"):
            return match[0]
        kind = "tree" if path.is_dir() else "blob"
        return f"]({REPOSITORY}/{kind}/main/{path.relative_to(ROOT).as_posix()}{match['rest']})"

    text[0] = re.sub(r"\]\((?P<path>\.\./[^)#]*)(?P<rest>[^)]*)\)", place, text[0])


def returns_as_numpydoc_reads_them(
    app: Any, what: str, name: str, one: Any, options: Any, lines: list[str]
) -> None:
    """Put the type from the signature above what a section Returns says in plain sentences.

    numpydoc would take each of their lines for a returned value of its own.
    """
    for heading in ("Returns", "Yields"):
        if heading not in lines:
            continue
        first = lines.index(heading) + 2
        last = next(
            (k - 1 for k in range(first, len(lines)) if re.fullmatch("-{3,}", lines[k])), len(lines)
        )
        body = lines[first:last]
        if any(line.startswith(" ") for line in body):  # a type above an indented text already
            continue
        try:
            kind = inspect.signature(one).return_annotation
        except (TypeError, ValueError):
            continue
        kind = kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))
        kind = re.sub(r"_(?=\W|$)", r"\_", kind)  # np.bool_ is no reference
        lines[first:last] = [kind, *(f"    {line}" if line else "" for line in body)]
