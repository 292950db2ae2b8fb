"""Download the published data of the two papers from their public repositories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pooch

from aet_port.core.errors import DataFileError, InputError, OutputError
from aet_port.core.progress import progress_bar
from matlab_reference.registry import COMMITS, PUBLIC_NAME, PublishedFile

HOST = "https://raw.githubusercontent.com"
SITE = "https://github.com"
RETRIES = 3  # of one file, with a pause of 1, 2, 3 s between
TIMEOUT = 30.0  # seconds without a byte
# Answers that say nothing about the file asked for: refused, too many calls, trouble over there.
HOST_TROUBLE = (401, 403, 407, 429)


@dataclass
class Fetched:
    """What a fetch did.

    Attributes
    ----------
    present, fetched
        Files that were there with the right checksum, and files that came.
    failed
        Files that could not be had, with the reason.
    size
        Bytes that came.
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
    """The files a fetch is about.

    Parameters
    ----------
    files
        All that are known.
    only
        Patterns of a shell, such as ``*Ta_film*``; a file is taken whose ``repository/path`` fits
        one of them. ``*`` also stands for a slash.
    code
        Whether to take source and compiled code, too.
    small
        Whether to leave out the large files.

    Raises
    ------
    InputError
        If a pattern fits no file.

    MATLAB: none
    """
    rest = [one for one in files if (code or not one.is_code) and not (small and one.is_large)]
    if not only:
        return rest
    for pattern in only:
        if not any(fnmatchcase(one.name, pattern) for one in rest):
            raise InputError(
                "--only", repr(pattern), "a pattern that a file fits, such as '*Ta_film*'"
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
    """Where a file is downloaded from.

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

    A file that is there with the right checksum is left alone, so a fetch that was stopped goes
    on with the next call. Each file is downloaded beside its place, checked, and only then takes
    its name. One that is missing over there or arrives wrong is noted and the rest go on.

    Parameters
    ----------
    files
        What to fetch.
    folder
        Where; ``AET-MetallicGlass/`` and ``AET-AmorphousMaterials/`` are made in it.
    host
        Address in place of https://raw.githubusercontent.com, such as that of a mirror.
    retries
        How often a file is tried again.
    timeout
        Seconds without a byte after which a download is given up.
    show_progress
        Whether to report on standard error.

    Raises
    ------
    DataFileError
        If the host cannot be reached or refuses to answer.
    OutputError
        If the folder cannot be written.

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
        advice=f"or clone by other means {clones}, both in one folder, and name it in the "
        "environment variable AET_REFERENCE",
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
    """Download files of any host; :func:`fetch` tells how.

    Parameters
    ----------
    files, folder, retries, timeout, show_progress
        As for :func:`fetch`.
    addresses
        Of each file by its name.
    host
        What to call the host in messages.
    advice
        What else to do if the host cannot be reached.
    folders
        Folders to make beside the first file, without which the files are not found.

    Raises
    ------
    DataFileError
        If the host cannot be reached or refuses to answer.
    OutputError
        If the folder cannot be written.

    MATLAB: none
    """
    target, done = Path(folder), Fetched()
    pooch.get_logger().setLevel("WARNING")
    store = pooch.create(
        path=target,
        base_url="",
        registry={one.name: one.sha256 and f"sha256:{one.sha256}" for one in files},
        urls=dict(addresses),
        retry_if_failed=retries,
    )
    with progress_bar("fetch", len(files), enabled=show_progress) as reporter:
        try:
            for one in files:
                if _is_there(one, target):
                    done.present.append(one)
                else:
                    _fetch_one(store, one, timeout, done)
                if done.present or done.fetched:
                    for name in folders:
                        (target / name).mkdir(exist_ok=True)
                reporter.advance(note=f"{done.size / 1e6:.1f} MB came")
        except _Unreachable as error:
            found = f"no data from {host} ({error}) after {len(done.fetched)} files"
            way = f"a network connection, and then the same command goes on; {advice}"
            raise DataFileError(target.absolute(), found, way) from error.__cause__
        except OSError as error:
            room = "free some space or choose another place with --to"
            raise OutputError(target, error.strerror or str(error), room) from error
    return done


def _status(error: Any) -> int:
    """Answer of the server that an HTTPError of requests stands for."""
    return int(error.response.status_code)


class _NotThere(Exception):
    """An answer that will not change: pooch would try ValueError and errors of requests again."""


class _Unreachable(Exception):
    """The host cannot be reached, or refuses to answer."""


def _fetch_one(store: pooch.Pooch, one: PublishedFile, timeout: float, done: Fetched) -> None:
    # requests, slow to import and only needed here
    from requests import exceptions

    file = Path(store.abspath) / one.name
    download = pooch.HTTPDownloader(timeout=timeout)

    def checked(url: str, partial: str, caller: Any) -> None:
        try:
            download(url, partial, caller)
        except exceptions.HTTPError as error:
            status = _status(error)
            if status < 500 and status not in HOST_TROUBLE:
                raise _NotThere(f"answer {status} to {url}") from error
            raise
        problem = one.problem(Path(partial))
        if problem:
            raise ValueError(problem)

    if one.sha256 is None:
        # Without a SHA-256 pooch takes any file of that name for the right one.
        file.unlink(missing_ok=True)
    try:
        store.fetch(one.name, downloader=checked)
    except _NotThere as error:
        done.failed[one.name] = str(error)
    except exceptions.ChunkedEncodingError:
        done.failed[one.name] = "the download broke off"
    except exceptions.HTTPError as error:
        raise _Unreachable(f"answer {_status(error)}") from error
    except exceptions.RequestException as error:
        raise _Unreachable(type(error).__name__) from error
    except ValueError as error:  # after those of requests, of which some are ValueErrors, too
        done.failed[one.name] = str(error)
    else:
        file.chmod(0o644)  # as any download, where pooch leaves it to its owner alone
        done.fetched.append(one)
        done.size += file.stat().st_size
