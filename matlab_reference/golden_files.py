"""Get the golden outputs, which an installed package lacks, from a clone of this project."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from aet_port.core.errors import DataFileError, InputError
from aet_port.core.files import write_whole
from aet_port.core.progress import progress_bar
from matlab_reference.download import RETRIES, TIMEOUT, Fetched, download_files, missing
from matlab_reference.registry import GOLDEN, GOLDEN_TABLE, PublishedFile, read_registry

# Address at which a clone's files can be read; none while the project has no public one.
SOURCE: str | None = None
PACKAGE = Path(__file__).resolve().parent.name  # holds the folder in a clone
SCHEMES = ("http://", "https://")
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz")
EXPECTED = (
    "a clone of the aet-port repository (a folder), an archive of one (.zip, .tar.gz), or an "
    "address (http://, https://) under which the files of one can be read"
)


def golden_source(given: str | None = None) -> str:
    """Source of the golden outputs: the one given, or else the project's own address.

    Raises
    ------
    InputError
        If none is given and the project has no public address, or for the address of an archive.

    Notes
    -----
    MATLAB: none
    """
    source = given or SOURCE
    if source is None:
        raise InputError(
            "--golden-from", "nothing, and aet-port has no public address yet", EXPECTED
        )
    if source.startswith(SCHEMES) and source.endswith(ARCHIVES):
        raise InputError("--golden-from", source, "the archive itself, downloaded to a file")
    return source


def fetch_golden(
    source: str | Path,
    folder: str | Path,
    files: Sequence[PublishedFile] | None = None,
    *,
    retries: int = RETRIES,
    timeout: float = TIMEOUT,
    show_progress: bool = False,
) -> Fetched:
    """Copy the golden outputs into ``folder/golden``, where :func:`golden_path` finds them.

    As in :func:`matlab_reference.download.fetch`, files that are present with the right checksum
    are skipped, and each is renamed only after its SHA-256 agrees with the project's table.

    Parameters
    ----------
    source
        A clone of this project (a folder, or its ``golden`` folder itself), a .zip or .tar archive
        of one, or an address: ``ADDRESS/matlab_reference/golden/NAME`` has to lead to each file.
    folder
        Destination, such as :func:`matlab_reference.locate.cache`.
    files
        Rows of :data:`matlab_reference.registry.GOLDEN_TABLE`; all unless given.
    retries, timeout
        As in :func:`matlab_reference.download.fetch`, for downloads.
    show_progress
        Whether to report progress on standard error.

    Returns
    -------
    Fetched
        Files that were present, were copied, or could not be obtained.

    Raises
    ------
    DataFileError
        If the source cannot be reached or read, or holds no golden output at all.
    OutputError
        If the folder cannot be written.

    Notes
    -----
    MATLAB: none
    """
    chosen = read_registry(GOLDEN_TABLE) if files is None else files
    if isinstance(source, str) and source.startswith(SCHEMES):
        base = f"{source.rstrip('/')}/{PACKAGE}"
        return download_files(
            chosen,
            folder,
            {one.name: f"{base}/{quote(one.name)}" for one in chosen},
            host=base,
            advice="or give a clone of the aet-port repository by --golden-from",
            retries=retries,
            timeout=timeout,
            show_progress=show_progress,
        )
    return _copy(Path(source), Path(folder), chosen, show_progress)


def _copy(
    source: Path, folder: Path, files: Sequence[PublishedFile], show_progress: bool
) -> Fetched:
    done = Fetched()
    wanted = {one.path: one for one in missing(files, folder)}
    done.present += [one for one in files if one.path not in wanted]
    if not wanted:
        return done
    with progress_bar("golden outputs", len(wanted), enabled=show_progress) as reporter:
        for name, content in _contents(source, tuple(wanted)):
            one = wanted.pop(name)
            try:
                _write(folder / one.name, content, one)
            except _WrongError as error:
                done.failed[one.name] = str(error)
            else:
                done.fetched.append(one)
                done.size += len(content)
            reporter.advance(note=name)
    if wanted and not done.fetched and not done.failed:
        raise DataFileError(source, "no golden outputs", EXPECTED)
    done.failed |= {one.name: f"not in {source}" for one in wanted.values()}
    return done


class _WrongError(Exception):
    """Content that differs from that in the table."""


def _write(path: Path, content: bytes, one: PublishedFile) -> None:
    def fill(partial: Path) -> None:
        partial.write_bytes(content)
        problem = one.problem(partial)
        if problem:
            raise _WrongError(problem)

    write_whole(path, fill)


def _contents(source: Path, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the golden files in a clone or an archive of one, each once."""
    try:
        if source.is_dir():
            yield from _of_folder(source, names)
        elif zipfile.is_zipfile(source):
            yield from _of_zip(source, names)
        elif tarfile.is_tarfile(source):
            yield from _of_tar(source, names)
        else:
            raise DataFileError(source, "neither a folder nor an archive", EXPECTED)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, tarfile.TarError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataFileError(source, f"unreadable: {reason}", EXPECTED) from error


def _of_folder(source: Path, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
    places = (source / PACKAGE / GOLDEN, source / GOLDEN, source)
    for name in names:
        file = next((place / name for place in places if (place / name).is_file()), None)
        if file is not None:
            yield name, file.read_bytes()


def _of_zip(source: Path, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(source) as archive:
        members = {_name(info.filename): info for info in archive.infolist()}
        for name in sorted(set(members) & set(names)):
            yield name, archive.read(members[name])


def _of_tar(source: Path, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
    left = set(names)
    with tarfile.open(source) as archive:
        for member in archive:
            name = _name(member.name)
            if name in left and (stream := archive.extractfile(member)) is not None:
                left.discard(name)
                yield name, stream.read()


def _name(path: str) -> str:
    """Name of a golden file from its path in an archive; empty for other files."""
    parts = PurePosixPath(path).parts
    return parts[-1] if parts[-2:-1] == (GOLDEN,) else ""
