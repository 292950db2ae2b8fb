"""Scattering factors against the reference's, and the cross section against another integral."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.io import loadmat

from aet_port.core.errors import InputError
from aet_port.core.scattering import (
    adf_cross_section,
    electron_wavelength,
    scattering_factor,
    scattering_parameters,
)
from matlab_reference.locate import golden_path


def test_table_equals_the_reference() -> None:
    table = loadmat(golden_path("am__fparameters__table_Z1_103.mat"))["out_table"]
    ours = np.stack([scattering_parameters(z) for z in range(1, 104)])
    np.testing.assert_array_equal(ours, table)
    np.testing.assert_array_equal(scattering_parameters("Ta"), table[72])


def test_factors_equal_the_reference() -> None:
    golden = loadmat(golden_path("am__fatom_vector__elements.mat"))
    q = golden["in_q"].ravel()
    ours = np.stack([scattering_factor(q, int(z)) for z in golden["in_Z"].ravel()])
    # Double precision; only the order of six additions differs.
    np.testing.assert_allclose(ours, golden["out"], rtol=1e-14)
    assert scattering_factor(q.reshape(2, 5), "Ta").shape == (2, 5)


def test_wavelength_at_300_kev() -> None:
    assert electron_wavelength(300.0) == pytest.approx(0.019687, abs=1e-6)


@pytest.mark.parametrize(("symbol", "inner"), [("Ta", 30.0), ("C", 0.0), ("Pd", 60.0)])
def test_cross_section_is_the_integral(symbol: str, inner: float) -> None:
    wavelength = electron_wavelength(300.0)
    integral, _ = quad(
        lambda angle: angle * float(scattering_factor(angle / wavelength, symbol)) ** 2,
        inner * 1e-3,
        0.195,
        epsabs=0,
        epsrel=1e-11,
        limit=500,
    )
    expected = 2 * np.pi * (1 + 300 / 510.99895) ** 2 * integral
    assert adf_cross_section(symbol, inner=inner) == pytest.approx(expected, rel=1e-9)


def test_cross_section_grows_like_rutherford() -> None:
    power = np.log(adf_cross_section("Ta") / adf_cross_section("Pd")) / np.log(73 / 46)
    assert 1.5 < power < 2.0


def test_bad_arguments_are_named() -> None:
    with pytest.raises(InputError, match="element"):
        scattering_factor(0.0, "Xx")
    with pytest.raises(InputError, match="element"):
        scattering_parameters(104)
    with pytest.raises(InputError, match="energy"):
        adf_cross_section("Ta", energy=0)
    with pytest.raises(InputError, match="detector angles"):
        adf_cross_section("Ta", inner=200, outer=100)
