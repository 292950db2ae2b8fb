"""Soft masks: where they are one, where zero, and how they fall."""

from __future__ import annotations

import numpy as np
import pytest

from aet_port.core.data import Volume
from aet_port.core.errors import InputError
from aet_port.validation import soft_ball, soft_outline


def test_ball() -> None:
    ball = soft_ball((40, 44, 48), 0.5, edge=4.0)
    x, y, z = np.meshgrid(*(np.arange(n) - n // 2 for n in (40, 44, 48)), indexing="ij")
    r = 0.5 * np.sqrt(x**2 + y**2 + z**2)
    assert (ball[r <= 6] == 1).all()
    assert (ball[r >= 10] == 0).all()
    half = np.abs(r - 8) < 0.05
    np.testing.assert_allclose(ball[half], 0.5, atol=0.03)  # the cosine's slope times 0.05
    with pytest.raises(InputError, match="edge: found 11; expected between 0 and 10"):
        soft_ball((40, 44, 48), 0.5, edge=11.0)


def test_outline_of_a_block_with_a_hole() -> None:
    array = np.zeros((48, 48, 48))
    array[14:34, 14:34, 14:34] = 1
    array[22:26, 22:26, 22:26] = 0
    noisy = [
        Volume(array + 0.2 * np.random.default_rng(k).normal(size=array.shape), 1.0) for k in (1, 2)
    ]
    outline = soft_outline(*noisy, edge=6.0)
    assert (outline[array > 0] > 0.9).mean() > 0.98  # corners are rounded off
    assert (outline[22:26, 22:26, 22:26] == 1).all()
    along = outline[:, 24, 24]
    assert (np.diff(along[34:]) <= 0).all()
    assert along[34 + 8] == 0
    assert 0 < along[34 + 2] < 1
    sharp = soft_outline(*noisy, edge=0.0)
    assert set(np.unique(sharp)) == {0.0, 1.0}


def test_what_has_no_outline() -> None:
    flat = Volume(np.ones((8, 8, 8)), 1.0, name="flat")
    with pytest.raises(InputError, match="flat: found one value"):
        soft_outline(flat, flat)
    with pytest.raises(InputError, match="shape"):
        soft_outline(flat, Volume(np.ones((8, 8, 9)), 1.0))
    with pytest.raises(InputError, match="edge"):
        soft_outline(flat, flat, edge=-1.0)
