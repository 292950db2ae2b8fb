"""Signal told from noise at each frequency, and the Wiener filter made of the two."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from aet_port.core.errors import InputError
from aet_port.preprocessing.spectra import FrameSpectrum, frame_spectrum, wiener_filter
from aet_port.simulation import amorphous_particle, project_atoms, tilt_angles

N = 128


def film(seed: int, width: float = 1.5) -> NDArray:
    """Structure of a few pixels, like a film of atoms, of variance one."""
    rough = np.random.default_rng(seed).normal(size=(N, N))
    smooth = ndimage.gaussian_filter(rough, width, mode="wrap")
    return smooth / smooth.std()


def test_the_spectrum_tells_signal_from_noise() -> None:
    rng = np.random.default_rng(2)
    noise = rng.normal(scale=0.7, size=(8, 128, 128))
    empty = frame_spectrum([noise[:4], noise[4:]])
    # The part beyond 0.4 cycles per pixel of 8 x 128^2 pixels: half a percent.
    assert empty.noise == pytest.approx(0.49, rel=0.02)
    # Chance of two standard errors: one ring in forty, on average, of fifty.
    assert np.count_nonzero(empty.signal) <= 6
    both = frame_spectrum([film(7) + noise])
    assert both.noise == pytest.approx(0.49, rel=0.02)
    alone = frame_spectrum([film(7)[None]])
    rings = np.flatnonzero(alone.signal > 2 * 0.49)
    rings = rings[rings > 12]  # enough frequencies for the mean of their power
    assert len(rings) >= 5
    np.testing.assert_allclose(both.signal[rings], alone.signal[rings], rtol=0.15)
    # Weights fall where the noise is: no frequency without signal counts.
    assert not both.weight((N, N), 3)[both.power((N, N)) == 0].any()


def test_weak_signal_is_found_in_many_frames() -> None:
    rng = np.random.default_rng(3)
    # A fiftieth of the noise's power in the rings of the structure: one frame does not show it.
    weak = [0.12 * film(seed)[None] + rng.normal(size=(3, N, N)) for seed in range(20)]
    found = frame_spectrum(weak)
    true = frame_spectrum([0.12 * film(seed)[None] for seed in range(20)])
    strong = slice(4, 14)
    assert (found.signal[strong] > 0).all()
    np.testing.assert_allclose(found.signal[strong].sum(), true.signal[strong].sum(), rtol=0.2)
    alone = frame_spectrum(weak[:1])
    assert np.count_nonzero(alone.signal[strong]) < 10


def test_the_filter_is_the_best_radial_one() -> None:
    # For one tilt of which nothing is shared: strength sqrt(2) is Wiener's own weight.
    rng = np.random.default_rng(4)
    clean = film(5)
    frames = clean + 1.5 * rng.normal(size=(4, N, N))
    spectrum = frame_spectrum([frames])
    average = frames.mean(axis=0)[None]

    def error(strength: float) -> float:
        rest = wiener_filter(average, spectrum, 4, strength)[0] - clean
        return float(np.sqrt(np.mean(rest**2)))

    best = error(np.sqrt(2))
    assert best < 0.7 * np.sqrt(np.mean((average[0] - clean) ** 2))
    # Half and double the noise are worse, by more than the estimate of the spectrum is off.
    for other in (0.3, 6.0):
        assert best < error(other)
    # No Gaussian blur is better by more than three percent, that of the spectrum's own error.
    blurred = [np.std(ndimage.gaussian_filter(average[0], w) - clean) for w in (0.5, 0.8, 1.1, 1.5)]
    assert best < 1.03 * min(blurred)


def test_the_filter_keeps_level_and_background() -> None:
    rng = np.random.default_rng(6)
    angles = tilt_angles()[:4]
    clean = project_atoms(amorphous_particle(150, "Ta", seed=1), angles, 0.35, (N, N))
    slow = 0.3 * clean.max() * (1 + 0.5 * np.sin(np.linspace(0, 2, N)))[:, None]
    noisy = clean[:, None] + slow + 0.1 * clean.max() * rng.normal(size=(4, 3, N, N))
    spectrum = frame_spectrum(list(noisy))
    average = noisy.mean(axis=1)
    out = wiener_filter(average, spectrum, 3)
    # Every frequency below the strongest ring passes as it is: the mean to rounding, but for what
    # the mirrored edge moves over the border.
    np.testing.assert_allclose(out.mean(), average.mean(), rtol=1e-3)
    truth = clean + slow
    before, after = np.std(average - truth), np.std(out - truth)
    assert after < 0.6 * before
    # Linear: twice the images, twice the result.
    np.testing.assert_allclose(wiener_filter(2 * average, spectrum, 3), 2 * out, rtol=1e-9)


def test_noise_free_images_pass() -> None:
    clean = np.stack([film(1, 2.0), film(2, 2.0)])
    out = wiener_filter(clean, frame_spectrum([clean]), 1)
    # Noise is taken to be a millionth of the strongest ring at least: what is weaker, in thousands
    # of frequencies, is lost.
    assert np.abs(out - clean)[:, 8:-8, 8:-8].max() < 0.05


@pytest.mark.parametrize(
    ("frames", "strength", "word"), [(0, 1.0, "frames"), (1, 0.0, "strength"), (1, np.inf, "str")]
)
def test_bad_input(frames: int, strength: float, word: str) -> None:
    spectrum = FrameSpectrum(np.ones(129), 1.0)
    with pytest.raises(InputError, match=word):
        wiener_filter(film(1)[None], spectrum, frames, strength)
    with pytest.raises(InputError, match="images"):
        wiener_filter(np.zeros((2, 3)), spectrum, 1)
