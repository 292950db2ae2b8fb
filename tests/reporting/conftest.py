"""One page with everything, which takes seconds to make, and a browser without a network."""

from __future__ import annotations

from typing import Any

import pytest

from aet_port.reporting.build import build_report
from tests.browsers import chromium
from tests.reporting.pages import full_content

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    # WebGL without a graphics card.
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def full_page() -> str:
    return build_report(full_content())


@pytest.fixture(scope="session")
def base_url() -> None:
    """Of pytest-playwright, whose own fixture is a method, which pytest 9 warns of."""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Of pytest-playwright: the Chromium of this machine instead of a downloaded one."""
    return {**browser_type_launch_args, "executable_path": chromium(), "args": [*FLAGS]}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """Of pytest-playwright: a window without a network."""
    window = {"width": 1280, "height": 900}
    return {**browser_context_args, "viewport": window, "offline": True}
