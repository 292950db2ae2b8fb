"""The golden outputs brought to an installed package, which is without them, from a clone."""

from __future__ import annotations

import shutil
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from aet_port.core.errors import DataFileError, InputError
from matlab_reference import golden_files, locate
from matlab_reference.download import missing
from matlab_reference.golden_files import fetch_golden, golden_source
from matlab_reference.registry import GOLDEN_TABLE, PublishedFile, read_registry
from tests.matlab_reference.golden_names import checksums, listed

ROOT = Path(__file__).resolve().parent.parent.parent
SET = ROOT / "matlab_reference" / "golden"
FILES = read_registry(GOLDEN_TABLE)
FEW = [one for one in FILES if one.path.startswith(("am__my", "mg__my"))]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with the few files, and one of the same name elsewhere in it."""
    folder = tmp_path / "clone" / "matlab_reference" / "golden"
    folder.mkdir(parents=True)
    for one in FEW:
        shutil.copy(SET / one.path, folder)
    (tmp_path / "clone" / FEW[0].path).write_text("another file")
    return tmp_path / "clone"


def archive(clone: Path, kind: str) -> Path:
    """Its files below a folder, as `git archive` and download pages make them."""
    return Path(shutil.make_archive(str(clone.with_name("a")), kind, clone.parent, clone.name))


@contextmanager
def served(folder: Path) -> Iterator[str]:
    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *words: object) -> None:
            """Nothing on standard error."""

    address = ("127.0.0.1", 0)
    with ThreadingHTTPServer(address, partial(Handler, directory=str(folder))) as httpd:
        threading.Thread(target=httpd.serve_forever, args=(0.01,)).start()
        yield f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()


def test_the_table_is_that_of_the_folder() -> None:
    assert GOLDEN_TABLE.read_text(encoding="utf-8") == checksums(SET)
    assert {one.path for one in FILES} == listed() | {"manifest.json"}
    assert missing(FILES, SET.parent) == []


def test_an_address_of_the_project_is_used_once_there_is_one() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    public = "repository-code:" in citation  # see RELEASING.md
    assert public == (golden_files.SOURCE is not None)


@pytest.mark.parametrize("kind", ["clone", "package", "set", "zip", "gztar", "address"])
def test_every_kind_of_source(clone: Path, tmp_path: Path, kind: str) -> None:
    folders = {"clone": clone, "package": clone / "matlab_reference"}
    folders["set"] = folders["package"] / "golden"
    if kind == "address":
        with served(clone) as address:
            done = fetch_golden(address, tmp_path / "new", FEW, retries=0)
    else:
        source = folders.get(kind) or archive(clone, kind)
        done = fetch_golden(source, tmp_path / "new", FEW)
    assert sorted(one.path for one in done.fetched) == [one.path for one in FEW]
    assert (done.present, done.failed) == ([], {})
    assert done.size == sum(one.size or 0 for one in FEW)
    assert {path.name for path in (tmp_path / "new").rglob("*")} == {
        "golden",
        *(one.path for one in FEW),
    }
    assert missing(FEW, tmp_path / "new") == []


def test_what_is_there_is_not_copied_again(clone: Path, tmp_path: Path) -> None:
    fetch_golden(clone, tmp_path, FEW[:2])
    damaged = tmp_path / FEW[0].name
    damaged.write_bytes(damaged.read_bytes()[:-1])
    done = fetch_golden(clone, tmp_path, FEW)
    assert done.present == FEW[1:2]
    assert sorted(one.path for one in done.fetched) == [
        one.path for one in FEW if one is not FEW[1]
    ]
    assert fetch_golden(tmp_path / "gone", tmp_path, FEW).present == FEW


@pytest.mark.parametrize("kind", ["clone", "zip"])
def test_files_that_are_wrong_or_missing_are_named(clone: Path, tmp_path: Path, kind: str) -> None:
    folder = clone / "matlab_reference" / "golden"
    (folder / FEW[0].path).write_bytes(b"other")
    (folder / FEW[1].path).unlink()
    source = clone if kind == "clone" else archive(clone, kind)
    done = fetch_golden(source, tmp_path / "new", FEW)
    assert set(done.failed) == {FEW[0].name, FEW[1].name}
    assert done.failed[FEW[0].name].startswith("SHA-256 is ")
    assert done.failed[FEW[1].name] == f"not in {source}"
    assert {path.name for path in (tmp_path / "new" / "golden").iterdir()} == {
        one.path for one in FEW[2:]
    }


def no_archive(folder: Path) -> Path:
    (folder / "text.zip").write_text("text")
    return folder / "text.zip"


def empty_archive(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "none.zip", "w") as file:
        file.writestr("golden", "no folder")
    return folder / "none.zip"


def damaged_archive(folder: Path) -> Path:
    file = folder / "cut.tar.gz"
    with tarfile.open(file, "w:gz") as whole:
        whole.add(SET, "a/golden")
    file.write_bytes(file.read_bytes()[:100_000])
    return file


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "none", "none: found unreadable: No such file"),
        (lambda folder: folder, "found no golden outputs; expected a clone of the aet-port"),
        (no_archive, r"text\.zip: found neither a folder nor an archive"),
        (empty_archive, r"none\.zip: found no golden outputs"),
        (damaged_archive, r"cut\.tar\.gz: found unreadable: "),
    ],
)
def test_sources_that_are_none(tmp_path: Path, make: object, words: str) -> None:
    assert callable(make)
    source = make(tmp_path)
    with pytest.raises(DataFileError, match=words):
        fetch_golden(source, tmp_path / "new", FILES)


def test_an_address_without_them(tmp_path: Path) -> None:
    with served(tmp_path) as address:
        done = fetch_golden(address, tmp_path / "new", FEW[:1], retries=0)
    assert done.failed[FEW[0].name].startswith("answer 404 to http://127.0.0.1")
    with pytest.raises(DataFileError, match=r"no data from \S+/matlab_reference .* a clone of the"):
        fetch_golden(address, tmp_path / "new", FEW[:1], retries=0, timeout=5)


def test_the_source_has_to_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golden_files, "SOURCE", None)
    with pytest.raises(InputError, match=r"--golden-from: found nothing.*archive of one \(\.zip"):
        golden_source()
    with pytest.raises(InputError, match="expected the archive itself"):
        golden_source("https://example.org/main.zip")
    assert golden_source("../clone") == "../clone"
    monkeypatch.setattr(golden_files, "SOURCE", "https://example.org/aet-port")
    assert golden_source() == "https://example.org/aet-port"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """As if the package came from a wheel: nothing beside it; the user's cache."""
    monkeypatch.setattr(locate, "_HERE", tmp_path / "site-packages")
    monkeypatch.setattr(locate, "cache", lambda: tmp_path / "cache")
    monkeypatch.delenv("AET_REFERENCE", raising=False)
    return tmp_path / "cache"


def test_an_installed_package_finds_them_where_they_were_put(
    installed: Path, clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch_golden(clone, installed, FEW)
    assert locate.golden_path(FEW[0].path) == installed / FEW[0].name
    assert locate.golden_folder() is None  # not the whole set
    shutil.copytree(SET, tmp_path / "own" / "golden")
    monkeypatch.setenv("AET_REFERENCE", str(tmp_path / "own"))
    assert locate.golden_folder() == tmp_path / "own" / "golden"
    assert locate.golden_path(FEW[0].path) == tmp_path / "own" / FEW[0].name


def test_what_is_missing_is_named(installed: Path) -> None:
    with pytest.raises(DataFileError, match=r"aet reference fetch --golden-from CLONE") as caught:
        locate.golden_path(FEW[0].path)
    assert caught.value.path == installed / FEW[0].name
    with pytest.raises(
        DataFileError, match=r"no such golden file; expected a name listed in .*csv"
    ):
        locate.golden_path("am__other.mat")


def test_a_file_of_the_set_has_a_row_like_any_other() -> None:
    one = FEW[0]
    assert isinstance(one, PublishedFile)
    assert (one.name, one.is_code, one.is_large) == (f"golden/{one.path}", False, False)
    assert one.problem(SET / one.path) == ""
