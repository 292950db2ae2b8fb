"""``pytest --every-golden``: a whole run fails if it leaves a golden file unopened.

Names in the source of tests say what should be compared with; this says what was.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest

from matlab_reference import golden_path
from tests.matlab_reference.golden_names import MANIFEST, OF_NO_PORT

FOLDER = str(golden_path("manifest.json").parent)
# Tests of the set itself open every file and compare with none.
OF_THE_SET = "tests/matlab_reference/"
_opened: set[str] = set()
_counts = [True]


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _counts[0] and isinstance(arguments[0], str | os.PathLike):
        path = os.fspath(arguments[0])
        if isinstance(path, str) and os.path.dirname(path) == FOLDER:
            _opened.add(os.path.basename(path))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--every-golden",
        action="store_true",
        help="fail if a golden file was opened by no test (of a whole run)",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--every-golden"):
        sys.addaudithook(_note)


def pytest_runtest_logstart(nodeid: str) -> None:
    _counts[0] = OF_THE_SET not in nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """A process of pytest-xdist ended: what it opened counts."""
    _opened.update(getattr(node, "workeroutput", {}).get("golden", ()))


def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["golden"] = sorted(_opened)
    elif config.getoption("--every-golden"):
        # Without the fixtures, which only tests on the published data need.
        unopened = {case["file"] for case in MANIFEST["cases"]} - _opened - OF_NO_PORT
        if unopened:
            print(f"\ngolden files that no test opened: {', '.join(sorted(unopened))}")
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
