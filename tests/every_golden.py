"""``pytest --every-golden``: a whole run fails if it leaves a golden file unopened.

It also fails if the test named for a ported file of the reference passed and opened no output of
that very file. ``pytest --files-read FILE`` writes what each test opened. Names in the source of
tests say what should be compared with; this says what was.
"""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest

from matlab_reference import golden_path
from matlab_reference.functions import FunctionRow
from matlab_reference.locate import REPOSITORIES, data_folders
from matlab_reference.registry import GOLDEN
from tests.matlab_reference.golden_names import MANIFEST, OF_NO_PORT
from tests.matlab_reference.outputs import DEPOSITED, PORTED, outputs

FOLDER = str(golden_path("manifest.json").parent)
# Beginning of the paths of published files, and what stands for it in names.
PUBLISHED = tuple(
    (f"{folder.absolute()}{os.sep}", name) for folder in data_folders() for name in REPOSITORIES
)
# Tests of the set itself open every file and compare with none.
OF_THE_SET = "tests/matlab_reference/"
_counts = [True]
# What is being opened for: fixtures, the innermost last, above the test itself.
_for: list[set[str]] = [set()]
_of_fixture: dict[tuple[str, str], set[str]] = defaultdict(set)
_of_test: dict[str, set[str]] = defaultdict(set)
_passed: set[str] = set()


def _name(path: str) -> str | None:
    """``golden/NAME``, a path of the published data, or None for other files."""
    if os.path.dirname(path) == FOLDER:
        return f"{GOLDEN}/{os.path.basename(path)}"
    for folder, name in PUBLISHED:
        if path.startswith(f"{folder}{name}{os.sep}"):
            return path.removeprefix(folder).replace(os.sep, "/")
    return None


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _counts[0] and isinstance(arguments[0], str | os.PathLike):
        path = os.fspath(arguments[0])
        name = _name(path) if isinstance(path, str) else None
        if name is not None:
            _for[-1].add(name)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--every-golden",
        action="store_true",
        help="fail if a golden file was opened by no test (of a whole run)",
    )
    parser.addoption("--files-read", help="write the golden and published files each test opened")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--every-golden") or config.getoption("--files-read"):
        sys.addaudithook(_note)


def pytest_runtest_logstart(nodeid: str) -> None:
    _counts[0] = OF_THE_SET not in nodeid


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
    """What a fixture opens counts for every test that takes it, whichever was first."""
    _for.append(set())
    try:
        return (yield)
    finally:
        _of_fixture[fixturedef.baseid, fixturedef.argname] |= _for.pop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    _for[0].clear()
    result = yield
    opened = _of_test[_plain(item.nodeid)]
    opened |= _for[0]
    info = getattr(item, "_fixtureinfo", None)
    for definitions in getattr(info, "name2fixturedefs", {}).values():
        for one in definitions:
            opened |= _of_fixture[one.baseid, one.argname]
    return result


def _plain(nodeid: str) -> str:
    return nodeid.partition("[")[0]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and report.passed:
        _passed.add(_plain(report.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """A process of pytest-xdist ended: what it opened counts."""
    for test, opened in getattr(node, "workeroutput", {}).get("golden", {}).items():
        _of_test[test].update(opened)


def without_output(rows: Iterable[FunctionRow], read: dict[str, set[str]]) -> list[str]:
    """Rows whose named test is among those that ran, and opened no output of that very file.

    Published files that are not at hand can't be opened, and their rows are left out.
    """
    absent = {
        name
        for name, path in DEPOSITED.items()
        if not any((folder / path).is_file() for folder in data_folders())
    }
    of_row = outputs()
    return [
        row.name
        for row in rows
        if row.test in read and row.name not in absent and not of_row[row.name] & read[row.test]
    ]


def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["golden"] = {test: sorted(some) for test, some in _of_test.items()}
        return
    read = {test: some for test, some in _of_test.items() if test in _passed}
    if file := config.getoption("--files-read"):
        plain = {test: sorted(some) for test, some in read.items()}
        Path(file).write_text(json.dumps(plain), encoding="utf-8")
    if config.getoption("--every-golden"):
        # Without the fixtures, which only tests on the published data need.
        wanted = {case["file"] for case in MANIFEST["cases"]} - OF_NO_PORT
        opened = {name.removeprefix(f"{GOLDEN}/") for some in _of_test.values() for name in some}
        faults = {
            "golden files that no test opened": sorted(wanted - opened),
            "ported files whose test opened no output of theirs": without_output(PORTED, read),
        }
        for what, names in faults.items():
            if names:
                print(f"\n{what}: {', '.join(names)}")
                if session.exitstatus == pytest.ExitCode.OK:
                    session.exitstatus = pytest.ExitCode.TESTS_FAILED
