"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from aet_port.core.errors import DataFileError
from matlab_reference import locate_reference
from tests import one_compilation

# Hooks, which pytest finds here.
from tests.every_golden import (  # noqa: F401
    pytest_addoption,
    pytest_configure,
    pytest_fixture_setup,
    pytest_runtest_logreport,
    pytest_runtest_logstart,
    pytest_runtest_protocol,
    pytest_sessionfinish,
    pytest_testnodedown,
)

# OpenMP threads that wait sleep: spinning ones, with as many workers as cores, take the time of
# those that work, and a quench in a process that has run a parallel kernel takes ten times longer.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

if "PYTEST_XDIST_WORKER" in os.environ:
    one_compilation.install()

# A shell lets what it starts in the background ignore Ctrl-C, and so would the commands of tests.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is no failure of the code.
settings.register_profile("aet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("aet")


@pytest.fixture(scope="session")
def reference() -> Callable[..., Path]:
    """Path of a file of the published data; without them a failure in CI, else a visible skip."""

    def find(*parts: str) -> Path:
        try:
            return locate_reference(*parts)
        except DataFileError as error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(str(error))

    return find
