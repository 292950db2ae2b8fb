"""The slice of the density map, its motifs, and the surfaces of the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.figure import Figure

from aet_port.core.errors import InputError
from aet_port.figures.density import density_slice, write_density_slice
from aet_port.reporting import density_surfaces as shown
from aet_port.structure import analyze, interpolated_density
from aet_port.structure.pairs.density import DensityMap
from tests.structure.samples import close_packed


def test_the_slice_shows_its_values_and_the_motifs_in_it(tmp_path: Path) -> None:
    atoms = close_packed(3, radius=9)
    found = analyze(atoms, cutoff=4.0)
    assert found.order is not None
    density = interpolated_density(atoms, found.order.inner_volumes, 3.0)
    axes = Figure().subplots()
    drawn = density_slice(axes, density, found, thickness=4.0)
    (mesh,) = (one for one in axes.collections if isinstance(one, QuadMesh))
    middle = density.values.shape[2] // 2
    values = np.asarray(mesh.get_array()).reshape(density.values.shape[:2])
    np.testing.assert_allclose(values.filled(np.nan) if np.ma.isMA(values) else values,
                               np.ma.masked_invalid(density.values[:, :, middle]).data)  # fmt: skip
    height = density.origin[2] + middle * density.axes[2, 2]
    near = 0
    for fold in range(3, 9):
        corners = found.tetrahedra.corners[found.motifs.of_fold(fold)]
        near += int((np.abs(corners.mean(axis=(1, 2))[:, 2] - height) <= 2.0).sum())
    assert drawn == near > 10
    assert any(isinstance(one, LineCollection) for one in axes.collections)
    assert density_slice(Figure().subplots(), density) == 0
    assert write_density_slice(tmp_path / "slice.png", density, found).stat().st_size > 10_000
    with pytest.raises(InputError, match="slice: found 99"):
        density_slice(axes, density, index=99)
    with pytest.raises(InputError, match="thickness"):
        density_slice(axes, density, found, thickness=0.0)


def test_a_surface_goes_through_the_level_and_is_closed() -> None:
    """A density that falls off from the middle: a sphere."""
    i = np.stack(np.indices((41, 41, 41)), axis=-1) - 20.0
    values = 20.0 - np.linalg.norm(i, axis=-1)
    density = DensityMap(values, np.full(3, -10.0), 0.5 * np.eye(3), 2.0)
    surface = shown._surface(density, 10.0, 1)
    assert surface is not None
    corners, triangles = surface
    # 10 voxels of 0.5 angstrom, linear interpolation between voxels.
    np.testing.assert_allclose(np.linalg.norm(corners, axis=1), 5.0, atol=0.02)
    edges = np.sort(np.concatenate([triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))]), 1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
    assert shown._surface(density, 30.0, 1) is None


def test_the_view_is_bounded_and_left_out_without_a_density(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    atoms = close_packed(3, radius=9)
    found = analyze(atoms, cutoff=4.0)
    assert found.order is not None
    volumes = found.order.inner_volumes
    monkeypatch.setattr(shown, "MOST_TRIANGLES", 800)
    view = shown.density_view(atoms, volumes, 2.0)
    assert view is not None
    meshes = [trace for trace in view.traces if trace["type"] == "mesh3d"]
    assert len(meshes) == 2
    assert all(0 < len(trace["i"]) <= 800 for trace in meshes)
    assert list(view.choices) == ["dense and dilute regions", "dense regions", "dilute regions"]
    assert all(len(seen) == len(view.traces) for seen, _ in view.choices.values())
    assert shown.density_view(atoms, np.full(len(atoms), np.nan), 2.0) is None
    assert shown.density_view(atoms, np.full(len(atoms), 15.0), 2.0) is None
