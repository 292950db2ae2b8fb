from __future__ import annotations

import numpy as np
import pytest

from aet_port.core.errors import InputError
from md_sim.transition import glass_transition

T = np.linspace(5200, 300, 491)


def volume(noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """Two lines that cross at 2400 K."""
    v = 18.0 + 2e-4 * T + 3e-4 * np.clip(T - 2400, 0, None)
    return v + noise * np.random.default_rng(seed).normal(size=len(T))


def test_lines_without_noise_cross_where_they_should() -> None:
    found = glass_transition(T, volume())
    assert found.temperature == pytest.approx(2400, abs=1e-6)
    assert found.uncertainty == pytest.approx(0, abs=1e-6)
    assert found.glass == pytest.approx((2e-4, 18.0))
    assert found.liquid == pytest.approx((5e-4, 18.0 - 0.72))
    assert found.liquid_window == pytest.approx((5200 - 4900 / 3, 5200))
    order = np.random.default_rng(1).permutation(len(T))
    assert glass_transition(T[order], volume()[order]).temperature == pytest.approx(2400, abs=1e-6)


def test_the_uncertainty_is_that_of_repeated_runs() -> None:
    runs = [glass_transition(T, volume(0.02, seed)) for seed in range(200)]
    spread = np.std([run.temperature for run in runs])
    stated = np.mean([run.uncertainty for run in runs])
    # 200 runs know their spread to 5 %.
    assert stated == pytest.approx(spread, rel=0.2)
    assert np.mean([run.temperature for run in runs]) == pytest.approx(2400, abs=4 * spread / 14)


@pytest.mark.parametrize(
    ("temperature", "v", "windows", "match"),
    [
        (T, volume()[:-1], {}, "rows of equal length"),
        (T, np.where(T > 400, volume(), np.nan), {}, "finite"),
        (T, volume(), {"glass_window": (10.0, 20.0)}, "glass_window: found 0 points"),
        (T, volume(), {"liquid_window": (5199.0, 5200.0)}, "liquid_window: found 1 points"),
        (T, 18 + 2e-4 * T, {"glass_window": (300.0, 1000.0)}, "glass transition: found slopes"),
        (T, -volume(), {}, "glass transition: found slopes"),
    ],
)
def test_what_has_no_transition(temperature, v, windows, match: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=match):
        glass_transition(temperature, v, **windows)
