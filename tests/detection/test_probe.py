"""The shape of an atom from images whose atoms are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from aet_port.detection.probe import Probe, choose_probe, fit_probe
from aet_port.refinement.likelihood import Atoms, Likelihood
from aet_port.simulation.linear import project_atoms
from aet_port.simulation.settings import TwoGaussians
from tests.detection.samples import ANGLES, atoms_at, flat_views, likelihood, particle

PIXEL = 0.35
TILTS = ANGLES[::3]
SHAPE = (64, 64)
HEIGHT = 300.0
LEVEL = 4.0
TWO = TwoGaussians(probe_widths=(0.6, 1.6), probe_fraction=0.7)


def images(b_factor: float = 6.0, probe: TwoGaussians | None = None) -> NDArray[np.float64]:
    """Expected electrons of a particle whose atoms have the same height."""
    intensity = {"Ta": HEIGHT * PIXEL**2}
    clean = project_atoms(particle(), TILTS, PIXEL, SHAPE, b_factor, intensity, probe)
    return clean + LEVEL


def atoms() -> Atoms:
    return atoms_at(particle().positions, HEIGHT)


def counted(clean: NDArray, noisy: bool = False) -> Likelihood:
    if noisy:
        rng = np.random.default_rng(0)
        clean = rng.poisson(np.maximum(clean, 0)) + rng.normal(0, 1, clean.shape)
    return likelihood(clean, pixel=PIXEL)


# Images are drawn and filtered in single precision and cut off at 4e-5 of the peak; the fit stops
# when the cost falls by less than one.
NOISE_FREE = 3e-3


@pytest.mark.parametrize("b_factor", [4.0, 8.0])
def test_b_factor_comes_back(b_factor: float) -> None:
    made = counted(images(b_factor))
    start = Probe(5.5, 25.0)
    wrong = flat_views(TILTS, 2 * LEVEL)  # the background is eliminated
    found = fit_probe(made, atoms(), wrong, start, ["Ta"], True)
    assert found.probe.narrow == pytest.approx(b_factor, rel=NOISE_FREE)
    assert found.probe.form_factor
    assert found.probe.weight == 1
    assert found.scale == pytest.approx(1, rel=NOISE_FREE)
    # Tails of forty atoms are nearly flat.
    np.testing.assert_allclose(found.views.background, LEVEL, atol=0.05)


def test_a_common_factor_of_the_heights_comes_back() -> None:
    low = replace(atoms(), heights=atoms().heights / 1.2)
    found = fit_probe(counted(images()), low, flat_views(TILTS), Probe(6, 25), ["Ta"], False)
    assert found.scale == pytest.approx(1.2, rel=NOISE_FREE)


def test_two_gaussians_come_back() -> None:
    made = counted(images(probe=TWO))
    narrow, wide = (2 * np.pi**2 * sigma**2 for sigma in TWO.probe_widths)
    start = Probe(6.0, 40.0, 0.85, form_factor=False)
    found = fit_probe(made, atoms(), flat_views(TILTS), start, ["Ta"], True)
    # Tails overlap, so that width and weight of the wide one are tied.
    assert found.probe.narrow == pytest.approx(narrow, rel=0.01)
    assert found.probe.wide == pytest.approx(wide, rel=0.03)
    assert found.probe.weight == pytest.approx(TWO.probe_fraction, abs=0.01)
    assert found.scale == pytest.approx(1, rel=0.01)


def test_given_images_only_are_used() -> None:
    clean = images()
    clean[1:] = 0
    found = fit_probe(counted(clean), atoms(), flat_views(TILTS), Probe(5, 25), ["Ta"], True, [0])
    assert found.probe.narrow == pytest.approx(6, rel=NOISE_FREE)
    np.testing.assert_array_equal(found.views.background, LEVEL)  # as given


@pytest.mark.parametrize("start", [Probe(6.0, 25.0), Probe(6.0, 25.0, 0.8, False)])
@pytest.mark.parametrize(
    ("probe", "weight", "form_factor"),
    [(None, 1.0, True), (TWO, TWO.probe_fraction, False)],
)
def test_the_right_form_is_chosen(
    start: Probe, probe: TwoGaussians | None, weight: float, form_factor: bool
) -> None:
    made = counted(images(probe=probe), noisy=True)
    views = flat_views(TILTS)
    # Two Gaussians describe one scattering factor as well as these images can tell: not taken.
    chosen = choose_probe(made, atoms(), views, start, ["Ta"], True)
    assert chosen.form_factor == form_factor
    assert chosen.weight == pytest.approx(weight, abs=0.05)  # of some thousand electrons an image


def test_profiles() -> None:
    q = np.linspace(0, 1, 5)
    species = ["Cu", "Ta"]
    assert len(Probe(5, 25).profiles(q, species)) == 2
    assert len(Probe(5, 25, form_factor=False).profiles(q, species)) == 1
    np.testing.assert_allclose(
        Probe(5, 25, 0.6, False).profile(q, "Cu"),
        0.6 * np.exp(-5 * q**2) + 0.4 * np.exp(-25 * q**2),
    )
    for probe in (Probe(5, 25), Probe(5, 25, 0.6)):
        for one in (*probe.profiles(q, species), probe.mean(q, species)):
            assert one[0] == pytest.approx(1)
            assert (np.diff(one) < 0).all()
