"""What is masked: nothing without a beam stop, and discs whose holder or place shows."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from aet_port.core.scattering import scattering_factor
from aet_port.diffraction import (
    DiffractionSettings,
    RingGeometry,
    analyze_pattern,
    beam_stop,
    crystal_rings,
)
from aet_port.diffraction.output import hidden_ring
from aet_port.structure.pairs.diffraction import DiffractionPdf
from tests.diffraction.samples import GEOMETRY, PIXEL, SIDE


def glass_like(pixel: float, tail: float) -> np.ndarray:
    """Expected counts of a glass whose rings rise from next to nothing, and a tail of the beam."""
    q = 2 * np.pi * pixel * GEOMETRY.radii((SIDE, SIDE))
    s = 1 - 0.96 * np.exp(-((q / 2.1) ** 6))
    for place, width, height in ((2.4, 0.22, 1.9), (4.1, 0.4, 0.5), (4.8, 0.4, 0.3)):
        s = s + height * np.exp(-(((q - place) / width) ** 2) / 2)
    elastic = scattering_factor(q / (2 * np.pi), "Ta") ** 2 * s
    return np.asarray(elastic / elastic.max() + tail * np.exp(-q / 3) + 0.01)


def disc(radius: float, away: float, holder: bool) -> np.ndarray:
    """Transmission of a disc beside the beam, with or without the rod that holds it."""
    x = np.arange(SIDE)[:, None] - GEOMETRY.centre[0] - away
    y = np.arange(SIDE)[None, :] - GEOMETRY.centre[1]
    shadow = np.hypot(x, y) < radius
    if holder:
        shadow |= (np.abs(y - 0.2 * x) < 3) & (x < 0)
    return np.asarray(1 - 0.98 * gaussian_filter(shadow.astype(float), 1.0))


@pytest.mark.parametrize("counts", [2000.0, 30.0])
@pytest.mark.parametrize("tail", [0.0, 0.3])
@pytest.mark.parametrize("pixel", [0.0163, 0.01, 0.006])
def test_nothing_is_masked_without_a_stop(pixel: float, tail: float, counts: float) -> None:
    image = np.random.default_rng(4).poisson(counts * glass_like(pixel, tail)).astype(float)
    found = analyze_pattern(image, DiffractionSettings())
    assert (~found.used).sum() == 0
    assert found.geometry.centre == pytest.approx(GEOMETRY.centre, abs=0.2)


@pytest.mark.parametrize("width", [0.07, 0.15])
@pytest.mark.parametrize("grains", [10, 30])
def test_rings_of_grains_are_no_shadows(grains: int, width: float) -> None:
    rng = np.random.default_rng(5)
    x, y = GEOMETRY.offsets((SIDE, SIDE))
    q, direction = 2 * np.pi * PIXEL * np.hypot(x, y), np.arctan2(y, x)
    around = np.linspace(-np.pi, np.pi, 1000)
    expected = 3000 * np.exp(-q / 1.5) + 50
    for ring, strength in zip(*crystal_rings("Au", 9.0), strict=True):
        away = np.angle(np.exp(1j * (around - rng.uniform(-np.pi, np.pi, (grains, 1)))))
        spots = rng.exponential(size=grains) @ np.exp(-((away / 0.05) ** 2) / 2)
        profile = 3000 * strength * np.exp(-ring / 3 - ((q - ring) / width) ** 2 / 2)
        expected += profile * np.interp(direction, around, spots / spots.mean())
    assert not beam_stop(rng.poisson(expected).astype(float), GEOMETRY).any()


@pytest.mark.parametrize(
    ("radius", "away", "holder", "tail"),
    [(9, 0, True, 0.0), (16, 0, True, 0.3), (16, 3, False, 0.3), (9, 3, True, 0.0)],
)
def test_a_disc_is_masked_if_its_holder_or_place_shows(
    radius: float, away: float, holder: bool, tail: float
) -> None:
    passed = disc(radius, away, holder)
    image = np.random.default_rng(6).poisson(2000 * glass_like(0.0163, tail) * passed)
    found = ~analyze_pattern(image.astype(float), DiffractionSettings()).used
    assert found[passed < 0.5].all()
    # The margin of 4 pixels and what the blur of the edge darkens further out.
    assert found.sum() < 3.5 * (passed < 0.5).sum() + 300


def test_a_mask_is_not_needed_where_the_centre_is_bright() -> None:
    geometry = RingGeometry((60.0, 64.0))
    image = 1e4 * np.exp(-geometry.radii((128, 128)) / 6) + 100
    assert not beam_stop(image, geometry).any()


@pytest.mark.parametrize(
    ("first", "s", "said"), [(1.6, 0.7, True), (1.6, 0.3, False), (0.8, 0.7, False)]
)
def test_a_hidden_part_of_the_first_ring_is_said(first: float, s: float, said: bool) -> None:
    q = np.linspace(first, 12, 60)
    phi = np.concatenate([[q[0] * (s - 1)], np.zeros(59)])
    none = np.zeros(0)
    pdf = DiffractionPdf(q, np.zeros(60), 1.0, phi, none, none, none)
    words = hidden_ring(SimpleNamespace(pdf=pdf))  # type: ignore[arg-type]
    assert (words is not None) == said
    if words is not None:
        assert "S is 0.7 already at the smallest q, 1.6 1/angstrom" in words
        assert "--q-min" in words
    assert hidden_ring(SimpleNamespace(pdf=None)) is None  # type: ignore[arg-type]
