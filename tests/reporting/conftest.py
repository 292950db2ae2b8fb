"""One page with everything, which takes seconds to make, for all tests of reports."""

from __future__ import annotations

import pytest

from aet_port.reporting.build import build_report
from tests.reporting.pages import full_content


@pytest.fixture(scope="session")
def full_page() -> str:
    return build_report(full_content())
