"""Download the published data of the two papers from their public repositories."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pooch

from aet_port.core.errors import DataFileError, InputError, OutputError
from aet_port.core.files import make_folder, sync_file, sync_folder
from aet_port.core.leftovers import partial_path, tidy_once
from aet_port.core.progress import progress_bar
from matlab_reference.registry import COMMITS, PUBLIC_NAME, PublishedFile

HOST = "https://raw.githubusercontent.com"
SITE = "https://github.com"
RETRIES = 3  # retries for one file, with pauses of 1, 2, 3 s
LONGEST_PAUSE = 10  # seconds before another attempt
TIMEOUT = 30.0  # seconds without data
# Answers that don't concern the file itself: refused, too many requests, server errors.
HOST_TROUBLE = (401, 403, 407, 429)


@dataclass
class Fetched:
    """Result of a fetch.

    Attributes
    ----------
    present, fetched
        Files that were present with the right checksum, and files that were downloaded.
    failed
        Files that could not be obtained, with the reason.
    size
        Number of bytes downloaded.
    """

    present: list[PublishedFile] = field(default_factory=list)
    fetched: list[PublishedFile] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    size: int = 0


def select(
    files: Sequence[PublishedFile],
    only: Sequence[str] | None = None,
    *,
    code: bool = False,
    small: bool = False,
) -> list[PublishedFile]:
    """Select the files to fetch.

    Parameters
    ----------
    files
        All known files.
    only
        Shell patterns, such as ``*Ta_film*``; files are selected whose ``repository/path`` matches
        one of them. ``*`` also matches a slash.
    code
        Whether to include source and compiled code.
    small
        Whether to leave out the large files.

    Raises
    ------
    InputError
        If a pattern matches no file.

    Notes
    -----
    MATLAB: none
    """
    rest = [one for one in files if (code or not one.is_code) and not (small and one.is_large)]
    if not only:
        return rest
    for pattern in only:
        if not any(fnmatchcase(one.name, pattern) for one in rest):
            raise InputError(
                "--only", repr(pattern), "a pattern that matches a file, such as '*Ta_film*'"
            )
    return [one for one in rest if any(fnmatchcase(one.name, pattern) for pattern in only)]


def missing(files: Sequence[PublishedFile], folder: Path) -> list[PublishedFile]:
    """Those of ``files`` that are not in ``folder`` with the right checksum.

    MATLAB: none
    """
    return [one for one in files if not _is_there(one, folder)]


def _is_there(one: PublishedFile, folder: Path) -> bool:
    file = folder / one.name
    return file.is_file() and not one.problem(file)


def address(one: PublishedFile, host: str = HOST) -> str:
    """Address from which a file is downloaded.

    MATLAB: none
    """
    commit = COMMITS[one.repository]
    return f"{host}/{one.repository}/{PUBLIC_NAME}/{commit}/{quote(one.path)}"


def fetch(
    files: Sequence[PublishedFile],
    folder: str | Path,
    *,
    host: str = HOST,
    retries: int = RETRIES,
    timeout: float = TIMEOUT,
    show_progress: bool = False,
) -> Fetched:
    """Download files into the layout that :func:`matlab_reference.locate_reference` finds.

    Files that are present with the right checksum are skipped, so the next call resumes an
    interrupted fetch. Each file is downloaded to a temporary name, checked, and then renamed. A
    file that is missing on the server or damaged is recorded, and the others are still fetched.

    Parameters
    ----------
    files
        Files to fetch.
    folder
        Destination, in which ``AET-MetallicGlass/`` and ``AET-AmorphousMaterials/`` are created.
    host
        Address in place of https://raw.githubusercontent.com, such as that of a mirror.
    retries
        Number of retries for each file.
    timeout
        Seconds without data after which a download is aborted.
    show_progress
        Whether to report progress on standard error.

    Raises
    ------
    DataFileError
        If the host cannot be reached or refuses to answer.
    OutputError
        If the folder cannot be written.

    Notes
    -----
    MATLAB: none
    """
    clones = "; ".join(
        f"{SITE}/{repository}/{PUBLIC_NAME} at {commit[:7]} as {repository}/"
        for repository, commit in COMMITS.items()
    )
    return download_files(
        files,
        folder,
        {one.name: address(one, host) for one in files},
        host=host,
        advice=f"or clone by other means {clones}, in one folder or several, and name them in the "
        f"environment variable AET_REFERENCE, separated by {os.pathsep!r}",
        folders=tuple(COMMITS),
        retries=retries,
        timeout=timeout,
        show_progress=show_progress,
    )


def download_files(
    files: Sequence[PublishedFile],
    folder: str | Path,
    addresses: Mapping[str, str],
    *,
    host: str,
    advice: str,
    folders: Sequence[str] = (),
    retries: int = RETRIES,
    timeout: float = TIMEOUT,
    show_progress: bool = False,
) -> Fetched:
    """Download files from any host, as in :func:`fetch`.

    Parameters
    ----------
    files, folder, retries, timeout, show_progress
        As in :func:`fetch`.
    addresses
        Address of each file by its name.
    host
        Name of the host in messages.
    advice
        Alternative if the host cannot be reached, for errors.
    folders
        Folders to create with the first file, without which the files are not found.

    Raises
    ------
    DataFileError
        If the host cannot be reached or refuses to answer.
    OutputError
        If the folder cannot be written.

    Notes
    -----
    MATLAB: none
    """
    target, done = Path(folder), Fetched()
    with progress_bar("fetch", len(files), enabled=show_progress) as reporter:
        try:
            for one in files:
                if _is_there(one, target):
                    done.present.append(one)
                else:
                    _fetch_one(one, target / one.name, addresses[one.name], retries, timeout, done)
                if done.present or done.fetched:
                    for name in folders:
                        (target / name).mkdir(exist_ok=True)
                reporter.advance(note=f"{done.size / 1e6:.1f} MB downloaded")
        except _Unreachable as error:
            found = f"no data from {host} ({error}) after {len(done.fetched)} files"
            way = f"a network connection; the same command then resumes; {advice}"
            raise DataFileError(target.absolute(), found, way) from error.__cause__
        except OSError as error:
            room = "free some space or choose another place with --to"
            raise OutputError(target, error.strerror or str(error), room) from error
    return done


def _status(error: Any) -> int:
    """Status code of the server in an HTTPError of requests."""
    return int(error.response.status_code)


class _NotThere(Exception):
    """An answer that another attempt would not change."""


class _Unreachable(Exception):
    """The host cannot be reached, or refuses to answer."""


def _fetch_one(
    one: PublishedFile, file: Path, url: str, retries: int, timeout: float, done: Fetched
) -> None:
    # requests, slow to import and only needed here
    from requests import exceptions

    for attempt in range(retries + 1):
        last = attempt == retries
        try:
            _download(one, file, url, timeout)
        except _NotThere as error:
            done.failed[one.name] = str(error)
            return
        except exceptions.ChunkedEncodingError:
            if last:
                done.failed[one.name] = "the download was interrupted"
        except exceptions.HTTPError as error:
            if last:
                raise _Unreachable(f"answer {_status(error)}") from error
        except exceptions.RequestException as error:
            if last:
                raise _Unreachable(type(error).__name__) from error
        except ValueError as error:  # after those of requests, some of which are ValueErrors too
            if last:
                done.failed[one.name] = str(error)
        else:
            done.fetched.append(one)
            done.size += file.stat().st_size
            return
        if not last:
            time.sleep(min(attempt + 1, LONGEST_PAUSE))


def _download(one: PublishedFile, file: Path, url: str, timeout: float) -> None:
    """One attempt: under the name of an unfinished file, which is renamed when it was checked."""
    from requests import exceptions

    make_folder(file.parent)
    tidy_once(file.parent)  # what killed downloads left
    partial = partial_path(file)
    try:
        try:
            pooch.HTTPDownloader(timeout=timeout)(url, str(partial), None)
        except exceptions.HTTPError as error:
            status = _status(error)
            if status < 500 and status not in HOST_TROUBLE:
                raise _NotThere(f"answer {status} to {url}") from error
            raise
        problem = one.problem(partial)
        if problem:
            raise ValueError(problem)
        sync_file(partial)
        os.replace(partial, file)
        sync_folder(file.parent)
    finally:
        partial.unlink(missing_ok=True)
