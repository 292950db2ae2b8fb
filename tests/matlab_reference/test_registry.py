"""The list of the published files, and how a copy of one is checked."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from aet_port.core.errors import DataFileError
from matlab_reference.locate import REPOSITORIES
from matlab_reference.registry import COLUMNS, COMMITS, PublishedFile, git_sha1, read_registry


def test_every_file_is_listed_once_with_a_hash() -> None:
    files = read_registry()
    assert tuple(COMMITS) == REPOSITORIES
    assert len({one.name for one in files}) == len(files) == 238 + 357
    for one in files:
        assert re.fullmatch("[0-9a-f]{40}", one.git_sha1), one.name
        # What was never at hand has neither a size nor a SHA-256.
        assert (one.sha256 is None) == (one.size is None) == one.is_large, one.name
        assert one.sha256 is None or re.fullmatch("[0-9a-f]{64}", one.sha256), one.name
    assert sum(one.is_large for one in files) == 54
    assert all(one.path.endswith(".mat") for one in files if one.is_large)


def test_code_is_told_from_data() -> None:
    code = {Path(one.path).suffix for one in read_registry() if one.is_code}
    data = {Path(one.path).suffix for one in read_registry() if not one.is_code}
    assert {".m", ".cu", ".f", ".mexw64"} <= code
    assert data == {".mat", ".md", ".pdf", ".html", ""}


def test_git_s_name_of_a_content(tmp_path: Path) -> None:
    file = tmp_path / "some.bin"
    # The empty file's name is the same in every git repository.
    file.write_bytes(b"")
    assert git_sha1(file) == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    file.write_bytes(bytes(range(256)) * 9000)  # more than one block
    command = ["git", "hash-object", "--no-filters", str(file)]
    assert git_sha1(file) == subprocess.check_output(command, text=True).strip()


def test_problems_of_a_copy(tmp_path: Path) -> None:
    file = tmp_path / "a.mat"
    file.write_bytes(b"content")
    digest = hashlib.sha256(b"content").hexdigest()
    known = PublishedFile("AET-MetallicGlass", "a.mat", 7, git_sha1(file), digest)
    large = PublishedFile("AET-MetallicGlass", "a.mat", None, git_sha1(file), None)
    assert known.problem(file) == large.problem(file) == ""
    file.write_bytes(b"Content")
    assert re.fullmatch(
        r"SHA-256 is \w{12}\.\.\., not " + digest[:12] + r"\.\.\.", known.problem(file)
    )
    assert large.problem(file).startswith("git's SHA-1 is ")


@pytest.mark.reference
def test_the_data_at_hand_are_those_listed(reference: Callable[..., Path]) -> None:
    folder = reference()
    there = [one for one in read_registry() if (folder / one.name).is_file()]
    assert there
    assert {one.name: one.problem(folder / one.name) for one in there} == {
        one.name: "" for one in there
    }
    assert [one.name for one in there if git_sha1(folder / one.name) != one.git_sha1] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "an empty file"),
        ("repository,path\n", "found repository,path; expected the columns repository,path,bytes"),
        (",".join(COLUMNS) + "\nAET-Other,a,1,b,c\n", "row 1: AET-Other,a,1,b,c"),
        (",".join(COLUMNS) + "\nAET-MetallicGlass,a,1\n", "row 1: AET-MetallicGlass,a,1"),
        (",".join(COLUMNS) + "\nAET-MetallicGlass,a,many,b,c\n", "row 1: bytes 'many'"),
    ],
)
def test_bad_tables_are_named(tmp_path: Path, text: str, words: str) -> None:
    table = tmp_path / "registry.csv"
    table.write_text(text)
    with pytest.raises(DataFileError, match=words):
        read_registry(table)


def test_tables_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="unreadable"):
        read_registry(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes("é".encode("latin-1"))
    with pytest.raises(DataFileError, match="unreadable"):
        read_registry(tmp_path / "latin.csv")
