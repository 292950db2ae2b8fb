"""One page with everything, which takes seconds to make, for all tests of reports."""

from __future__ import annotations

import pytest

from aet_port.report.build import build_report
from tests.report.pages import full_content


@pytest.fixture(scope="session")
def full_page() -> str:
    return build_report(full_content())
