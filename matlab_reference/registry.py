"""Table of all files of the two public repositories and the golden set, with their checksums."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from aet_port.core.errors import DataFileError
from aet_port.core.files import sha256
from matlab_reference.tables import read_table

TABLE = Path(__file__).resolve().parent / "registry.csv"
GOLDEN_TABLE = TABLE.with_name("golden.csv")
GOLDEN = "golden"  # in place of the repository of a golden file; also the name of its folder
COLUMNS = ("repository", "path", "bytes", "git_sha1", "sha256")
COMMITS = {
    "AET-MetallicGlass": "f1aadc316338c822c0728c655f7da5334a4eb2bc",
    "AET-AmorphousMaterials": "42e77d26d2fef5ceb526c2ffaaa1c7a7774f621f",
}
PUBLIC_NAME = "Supplementary-Data-Codes"  # name of both repositories, under their owners
CODE = (".m", ".c", ".cpp", ".cu", ".h", ".f", ".mw")
COMPILED = (".mex", ".mexa64", ".mexmaci64", ".mexw32", ".mexw64")


@dataclass(frozen=True)
class PublishedFile:
    """One file of a public repository at the recorded commit, or of the golden set.

    Attributes
    ----------
    repository
        ``AET-MetallicGlass`` or ``AET-AmorphousMaterials``; ``golden`` for a golden output.
    path
        Its path there.
    size
        Number of bytes, if known.
    git_sha1
        Git's name for its content: SHA-1 of ``"blob <size>\\0"`` and the content. The tree of the
        recorded commit has it for every file.
    sha256
        SHA-256 of the content, if known: not for the large files, which were not available when
        the table was made.
    """

    repository: str
    path: str
    size: int | None
    git_sha1: str
    sha256: str | None

    @property
    def name(self) -> str:
        """``repository/path``, its path in a folder of reference data."""
        return f"{self.repository}/{self.path}"

    @property
    def is_code(self) -> bool:
        """Whether it is source or compiled code, which is not read here."""
        return Path(self.path).suffix in (*CODE, *COMPILED)

    @property
    def is_large(self) -> bool:
        """Whether it is one of the files of unknown size, about 4 MB or more."""
        return self.size is None

    def problem(self, file: Path) -> str:
        """What is wrong with a copy of it, or empty, by SHA-256 or else git's hash.

        MATLAB: none
        """
        if self.sha256 is not None:
            return _differs("SHA-256", sha256(file), self.sha256)
        return _differs("git's SHA-1", git_sha1(file), self.git_sha1)


def _differs(kind: str, found: str, expected: str) -> str:
    return "" if found == expected else f"{kind} is {found[:12]}..., not {expected[:12]}..."


def git_sha1(path: str | Path) -> str:
    """Git's name for the content of a file, as printed by ``git hash-object``.

    MATLAB: none
    """
    file = Path(path)
    digest = hashlib.sha1(f"blob {file.stat().st_size}\0".encode(), usedforsecurity=False)
    with file.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read_registry(path: str | Path = TABLE) -> list[PublishedFile]:
    """Read every file of both repositories, or of the golden set, in the order of the table.

    Parameters
    ----------
    path
        The table: that of the repositories unless given, :data:`GOLDEN_TABLE` or another.

    Raises
    ------
    DataFileError
        If the table cannot be read, lacks a column, or names an unknown repository.

    Notes
    -----
    MATLAB: none
    """
    file = Path(path)
    files = []
    for number, cells in enumerate(read_table(file, COLUMNS), start=1):
        if len(cells) != len(COLUMNS) or cells[0] not in (*COMMITS, GOLDEN):
            raise DataFileError(
                file, f"row {number}: {','.join(cells)}", "five cells, the first a repository"
            )
        repository, where, size, blob, digest = cells
        if size and not size.isdecimal():
            raise DataFileError(file, f"row {number}: bytes {size!r}", "a whole number or nothing")
        files.append(
            PublishedFile(repository, where, int(size) if size else None, blob, digest or None)
        )
    return files
