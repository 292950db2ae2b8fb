"""Networks along zone axes, their map and their shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from scipy.spatial.transform import Rotation

from aet_port.core.errors import InputError
from aet_port.figures.medium_range import draw_zone_axis, write_network_figures
from aet_port.reporting.bank_networks import _sites
from aet_port.structure.medium_range.correction import MediumRangeOrder, find_mro
from aet_port.structure.medium_range.lattices import neighbour_vectors, site_bonds
from aet_port.structure.medium_range.shapes import network_shapes


def planted(lattice: str, seed: int = 1) -> MediumRangeOrder:
    """A site and its nearest ones, turned, with noise of 0.05 angstrom."""
    sites = neighbour_vectors(lattice)
    turned = Rotation.random(random_state=seed).apply(4.6 * sites)
    noise = np.random.default_rng(seed).normal(0, 0.05, sites.shape)
    return find_mro(turned + noise + 7.0, types=(lattice,), threads=1)


def test_along_a_cubic_axis_columns_of_a_perfect_cube_coincide() -> None:
    cube = 4.5 * np.argwhere(np.ones((2, 2, 2)))
    order = find_mro(Rotation.random(random_state=5).apply(cube), types=("sc",), threads=1)
    axes = Figure().subplots()
    draw_zone_axis(axes, order.networks[0], [0, 0, 1])
    ideal, centres = (one for one in axes.collections if isinstance(one, PathCollection))
    for drawn in (ideal, centres):
        places = np.asarray(drawn.get_offsets())
        assert len(places) == 8
        assert len(np.unique(np.round(places, 6), axis=0)) == 4
        # A square with sides of one lattice constant, in the middle of the drawing.
        np.testing.assert_allclose(np.abs(places), 2.25, atol=1e-9)
    (bonds,) = (one for one in axes.collections if isinstance(one, LineCollection))
    assert len(bonds.get_segments()) == 12
    for zone in ([0, 0, 0], [1, 0], [np.nan, 0, 1]):
        with pytest.raises(InputError, match="zone"):
            draw_zone_axis(axes, order.networks[0], zone)


@pytest.mark.parametrize("lattice", ["fcc", "hcp", "bcc", "sc"])
def test_centres_are_drawn_near_their_sites(lattice: str) -> None:
    network = planted(lattice).networks[0]
    axes = Figure().subplots()
    draw_zone_axis(axes, network, [1, 1, 0])
    ideal, centres = (one for one in axes.collections if isinstance(one, PathCollection))
    away = np.asarray(ideal.get_offsets())[:, None] - np.asarray(centres.get_offsets())[None]
    assert np.linalg.norm(away, axis=2).min(axis=0).max() < 0.3  # noise of 0.05 angstrom


def test_files_and_what_there_is_to_draw(tmp_path: Path) -> None:
    order = planted("fcc")
    names = [path.name for path in write_network_figures(order, tmp_path)]
    assert names == ["mro_zone_axes.png", "mro_map.png", "mro_shapes.png"]
    pair = find_mro(np.array([[0.0, 0, 0], [4.5, 0, 0]]), types=("fcc",), threads=1)
    assert write_network_figures(pair, tmp_path) == []


@pytest.mark.parametrize(
    ("lattice", "expected"),
    [
        # Hulls of the nearest sites: octahedron, cube, cuboctahedron, its twin.
        ("sc", (np.pi / (3 * np.sqrt(3))) ** (1 / 3)),
        ("bcc", (np.pi / 6) ** (1 / 3)),
        ("fcc", 0.9050),
        ("hcp", 0.9050),
    ],
)
def test_sphericity_of_known_bodies(lattice: str, expected: float) -> None:
    turned = Rotation.random(random_state=2).apply(4.6 * neighbour_vectors(lattice))
    shapes = network_shapes(find_mro(turned, types=(lattice,), threads=1).networks)
    assert shapes.sphericity[0] == pytest.approx(expected, abs=5e-5)
    assert shapes.elongation[0] >= 1
    flat = find_mro(4.5 * np.argwhere(np.ones((2, 2, 1))), types=("sc",), threads=1)
    assert np.isnan(network_shapes(flat.networks).sphericity[0])


@pytest.mark.parametrize("lattice", ["fcc", "hcp", "bcc", "sc"])
@pytest.mark.parametrize("seed", range(3))
def test_sites_come_back_from_orientation_and_lattice_constant(lattice: str, seed: int) -> None:
    """Those of a bank, up to a translation; hcp without its root may be seen from a B site."""
    network = planted(lattice, seed).networks[0]
    found = _sites(network.positions, lattice, network.lattice_constant, network.orientation)
    np.testing.assert_array_equal(site_bonds(found, lattice), site_bonds(network.sites, lattice))
    moved = found - found.mean(axis=0) - network.sites + network.sites.mean(axis=0)
    np.testing.assert_allclose(moved, 0, atol=1e-9)
