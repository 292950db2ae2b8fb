"""``aet doctor``: what is installed and found, as text for a report of a problem."""

from __future__ import annotations

import os
import platform
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from aet_port.cli.options import Json
from aet_port.core.console import print_json
from aet_port.core.terminal import print_line

REQUIREMENT = "[A-Za-z0-9_.-]+"


def doctor_command(as_json: Json = False) -> None:
    """Print versions, extras, threads, memory, caches and reference data, to paste into a report.

    Paths below your home folder are shortened to ~.
    """
    found = _findings()
    if as_json:
        print_json(found)
        return
    for title, facts in found.items():
        print_line(title)
        width = max(len(name) for name in facts)
        for name, value in facts.items():
            print_line(f"  {name:{width}}  {value}")


def _findings() -> dict[str, dict[str, Any]]:
    from aet_port import __version__
    from aet_port.core.memory import available_memory, size_text

    needed, extras = _requirements()
    return {
        "aet-port": {
            "version": __version__,
            "installed in": _short(Path(__file__).resolve().parents[2]),
            "python": f"{platform.python_version()} ({platform.python_implementation()}), "
            + _short(Path(sys.executable)),
            "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        },
        "machine": {
            "cores": _cores(),
            "memory available": size_text(available_memory()),
            "GPU": "not used: all stages run on the processor",
            **{
                name: os.environ[name]
                for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "NUMBA_CACHE_DIR")
                if name in os.environ
            },
        },
        "libraries": {name: _state(name, lowest) for name, lowest in needed.items()},
        "extras": {
            name: _extra(name, libraries) for name, libraries in extras.items() if libraries
        },
        "data": _data(),
    }


def _requirements() -> tuple[dict[str, str], dict[str, list[str]]]:
    """Libraries that are always needed with their lowest versions; by extra, optional ones."""
    needed: dict[str, str] = {}
    extras: dict[str, list[str]] = {}
    try:
        stated = metadata.requires("aet-port") or []
    except metadata.PackageNotFoundError:
        return dict.fromkeys(("numpy", "scipy", "numba", "duckdb", "ase"), ""), {}
    for requirement in stated:
        match = re.match(REQUIREMENT, requirement)
        name = match[0] if match else requirement
        extra = re.search(r"extra == ['\"]([^'\"]+)['\"]", requirement)
        if extra is None:
            bound = re.search(r">=\s*([0-9.]+)", requirement)
            needed[name] = bound[1] if bound else ""
        elif name != "aet-port" and extra[1] not in ("all", "dev", "docs", "bench"):
            extras.setdefault(extra[1], []).append(name)
    return needed, extras


def _state(library: str, lowest: str) -> str:
    found = _version(library)
    if found[0].isdigit() and _numbers(found) < _numbers(lowest):
        found += f", older than {lowest}: pip install '{library}>={lowest}'"
    return found


def _numbers(version: str) -> list[int]:
    """Of the release, without zeros at its end: 2.0rc1 as 2."""
    match = re.match(r"[0-9]+(\.[0-9]+)*", version)
    numbers = [int(part) for part in match[0].split(".")] if match else []
    while numbers and not numbers[-1]:
        numbers.pop()
    return numbers


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "not installed"


def _extra(name: str, libraries: list[str]) -> str:
    versions = {one: _version(one) for one in libraries}
    text = ", ".join(f"{one} {version}" for one, version in versions.items())
    if "not installed" in versions.values():
        text += f": pip install 'aet-port[{name}]'"
    return text


def _data() -> dict[str, str]:
    from matlab_reference.locate import cache, candidates, golden_folder, holds_data

    facts = {"cache": _short(cache())}
    for folder in candidates():
        facts[_short(folder)] = (
            "reference data" if holds_data(folder) else "no reference data: aet reference fetch"
        )
    golden = golden_folder()
    facts["recorded outputs of the MATLAB code"] = (
        _short(golden) if golden else "not found: aet reference fetch --golden-from CLONE"
    )
    numba = Path(os.environ.get("NUMBA_CACHE_DIR") or Path(__file__).resolve().parents[1])
    facts["compiled code is kept in"] = (
        _short(numba) if os.access(numba, os.W_OK) else f"{_short(numba)}, which is not writable"
    )
    return facts


def _cores() -> str:
    whole = os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else whole
    return f"{allowed}" if allowed == whole else f"{allowed} of {whole}"


def _short(path: Path) -> str:
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
