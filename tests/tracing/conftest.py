"""Fixtures of the tracing tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.ndimage import gaussian_filter

from matlab_reference import golden_path


@pytest.fixture(scope="session")
def golden() -> Callable[[str], dict[str, NDArray]]:
    """Arrays of one golden file, by its name without .mat."""
    return lambda name: loadmat(golden_path(f"{name}.mat"))


@pytest.fixture(scope="session")
def blobs() -> Callable[..., NDArray[np.float64]]:
    """Smooth noise of a seed, above zero inside and zero in the two outer layers of voxels."""

    def make(seed: int, shape: tuple[int, int, int] = (15, 14, 13)) -> NDArray[np.float64]:
        noise = np.random.default_rng(seed).random(tuple(n - 4 for n in shape))
        return np.pad(gaussian_filter(noise, 0.8), 2)

    return make


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator that starts anew for each test."""
    return np.random.default_rng(20210412)
