"""The browser of this machine, without which pages can't be opened."""

from __future__ import annotations

import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def chromium() -> str:
    """Path of Chromium; the test is skipped without it."""
    path = next((one for one in map(shutil.which, NAMES) if one is not None), None)
    if path is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    return path
