"""Structure types and strain of each atom: perfect crystals, stretched ones, OVITO itself."""

from __future__ import annotations

import sys

import ase
import numpy as np
import pytest
from ase.build import bulk
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from aet_port.core.errors import InputError, MissingDependencyError
from aet_port.structure import StructureTypes, analyze, atom_quantities, structure_types
from aet_port.structure.bonds.templates import CNA_STRUCTURES, LATTICES, STRUCTURES
from aet_port.structure.quantities import quantities_of
from aet_port.structure.resampling import resample
from tests.structure.samples import close_packed, icosahedron, moved, shaken_box

# Lattice constant and nearest-neighbour distance; hexagonal diamond is made below.
CRYSTALS = {
    "fcc": (bulk("Cu", "fcc", a=3.6, cubic=True), 3.6 / np.sqrt(2)),
    "hcp": (bulk("Ti", "hcp", a=2.9, covera=np.sqrt(8 / 3), orthorhombic=True), 2.9),
    "bcc": (bulk("Ta", "bcc", a=3.3, cubic=True), 3.3 * np.sqrt(3) / 2),
    "sc": (bulk("Po", "sc", a=3.3), 3.3),
    "cubic diamond": (bulk("Si", "diamond", a=5.43, cubic=True), 5.43 * np.sqrt(3) / 4),
}
ROUNDING = 1e-6  # OVITO keeps deviations in single precision, and matrices in double


def crystal(name: str) -> ase.Atoms:
    unit = CRYSTALS[name][0]
    return unit.repeat(np.ceil(11 / unit.cell.lengths()).astype(int))


def lonsdaleite(spacing: float = 2.35) -> ase.Atoms:
    """Hexagonal diamond with ideal axes: two hcp lattices, 3/8 c apart."""
    a = spacing * np.sqrt(8 / 3)
    unit = bulk("C", "hcp", a=a, covera=np.sqrt(8 / 3), orthorhombic=True)
    other = unit.copy()
    other.positions[:, 2] += 3 / 8 * unit.cell[2, 2]
    return (unit + other).repeat((3, 2, 2))


def film() -> ase.Atoms:
    """A shaken crystal, periodic in two directions."""
    atoms = crystal("fcc")
    atoms.rattle(0.15, seed=4)
    atoms.pbc = (True, True, False)
    return atoms


def stretched(atoms: ase.Atoms, gradient: NDArray[np.float64]) -> ase.Atoms:
    result = atoms.copy()
    result.set_cell(np.asarray(atoms.cell) @ gradient.T, scale_atoms=True)
    return result


@pytest.fixture(autouse=True)
def _ovito(request: pytest.FixtureRequest) -> None:
    if "without" not in request.node.name and "numbering" not in request.node.name:
        pytest.importorskip("ovito.modifiers", exc_type=ImportError)


@pytest.mark.parametrize("name", [*CRYSTALS, "hexagonal diamond"])
@pytest.mark.parametrize("seed", [None, 1])
def test_perfect_crystals_turned_shifted_and_permuted(name: str, seed: int | None) -> None:
    atoms = lonsdaleite() if name == "hexagonal diamond" else crystal(name)
    spacing = 2.35 if name == "hexagonal diamond" else CRYSTALS[name][1]
    found = structure_types(atoms if seed is None else moved(atoms, seed))
    assert (found.ptm == STRUCTURES.index(name)).all()
    known = name if name in CNA_STRUCTURES else "other"
    assert (found.cna == CNA_STRUCTURES.index(known)).all()
    np.testing.assert_allclose(found.spacing, spacing, atol=ROUNDING)
    np.testing.assert_allclose(found.rmsd, 0, atol=ROUNDING)
    np.testing.assert_allclose(found.strain, 0, atol=ROUNDING)
    assert found.unstrained == {name: pytest.approx(spacing, abs=ROUNDING)}
    assert found.fractions()["ptm"][name] == found.fractions()["cna"][known] == 1


@pytest.mark.parametrize("name", CRYSTALS)
def test_a_stretch_of_one_percent_is_one_percent(name: str) -> None:
    atoms = stretched(crystal(name), np.diag([1.01, 1, 1]))
    found = structure_types(atoms, spacing=CRYSTALS[name][1])
    exact = (1.01**2 - 1) / 2  # 0.01005: the second order of the Green-Lagrangian strain
    expected = [exact, 0, 0, 0, 0, 0]
    np.testing.assert_allclose(found.strain, [expected] * len(atoms), atol=ROUNDING)
    np.testing.assert_allclose(found.strain_volume, exact / 3, atol=ROUNDING)
    np.testing.assert_allclose(found.strain_shear, exact / np.sqrt(3), atol=ROUNDING)
    wider = stretched(crystal(name), 1.01 * np.eye(3))
    volume = structure_types(wider, spacing=CRYSTALS[name][1]).strain_volume
    np.testing.assert_allclose(volume, exact, atol=ROUNDING)
    # Against the mean of the crystal itself, nothing is left of that.
    np.testing.assert_allclose(structure_types(wider).strain, 0, atol=ROUNDING)


@pytest.mark.parametrize("seed", range(3))
def test_strain_along_the_axes_of_the_sample(seed: int) -> None:
    """A crystal in any orientation, deformed by any gradient along fixed axes."""
    rng = np.random.default_rng(seed)
    turned = stretched(crystal("fcc"), Rotation.random(random_state=seed).as_matrix())
    gradient = np.eye(3) + rng.uniform(-0.03, 0.03, (3, 3))
    gradient = np.linalg.qr(gradient)[1] if seed == 2 else gradient  # turned, too
    found = structure_types(stretched(turned, gradient), spacing=CRYSTALS["fcc"][1])
    exact = (gradient @ gradient.T - np.eye(3)) / 2
    six = exact[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    np.testing.assert_allclose(found.strain, [six] * len(found), atol=ROUNDING)


def test_shear_and_volume_are_those_of_ovito() -> None:
    """OVITO's strain of the displacements from a reference crystal, another modifier."""
    from ovito.data import DataCollection
    from ovito.modifiers import AtomicStrainModifier
    from ovito.pipeline import Pipeline, StaticSource

    start = crystal("bcc")
    end = stretched(start, np.array([[1.01, 0.004, 0], [0, 0.994, 0.002], [0.003, 0, 1.008]]))

    def collection(atoms: ase.Atoms) -> DataCollection:
        data = DataCollection()
        cell = np.zeros((3, 4))
        cell[:, :3] = np.asarray(atoms.cell).T
        data.create_cell(cell, pbc=[True] * 3)
        data.create_particles(count=len(atoms)).create_property("Position", data=atoms.positions)
        return data

    strain = AtomicStrainModifier(cutoff=3.0)
    strain.affine_mapping = strain.affine_mapping.Off
    strain.reference = StaticSource(data=collection(start))
    strain.minimum_image_convention = True
    pipeline = Pipeline(source=StaticSource(data=collection(end)))
    pipeline.modifiers.append(strain)
    particles = pipeline.compute().particles
    found = structure_types(end, spacing=CRYSTALS["bcc"][1])
    np.testing.assert_allclose(found.strain_volume, particles["Volumetric Strain"], atol=ROUNDING)
    np.testing.assert_allclose(found.strain_shear, particles["Shear Strain"], atol=ROUNDING)


def test_orientation_turns_the_template_into_the_crystal() -> None:
    turn = Rotation.from_rotvec([0.1, -0.2, 0.3])
    atoms = stretched(crystal("fcc"), turn.as_matrix())
    found = structure_types(atoms)
    axes = Rotation.from_quat(found.orientation).as_matrix() @ np.eye(3)
    # Each axis of the template lies along an axis of the cube, whichever way round.
    along = np.abs(turn.as_matrix().T @ axes)
    np.testing.assert_allclose(along.max(axis=1), 1, atol=ROUNDING)


@pytest.mark.parametrize(
    "atoms",
    [
        close_packed(1, radius=11, jitter=0.2),
        film(),
        shaken_box(3, jitter=0.2, shear=0.02),
        close_packed(0)[:40],
    ],
    ids=["ball", "film", "box", "few"],
)
def test_types_are_those_of_ovito(atoms: ase.Atoms) -> None:
    """Through ASE's atoms and a pipeline of one modifier at a time."""
    from ovito.io.ase import ase_to_ovito
    from ovito.modifiers import CommonNeighborAnalysisModifier, PolyhedralTemplateMatchingModifier

    found = structure_types(atoms, max_rmsd=0.12)
    matching = PolyhedralTemplateMatchingModifier(rmsd_cutoff=0.12, output_rmsd=True)
    for name in ("FCC", "HCP", "BCC", "ICO", "SC", "CUBIC_DIAMOND", "HEX_DIAMOND"):
        matching.structures[int(matching.Type.__members__[name])].enabled = True
    data = ase_to_ovito(atoms)
    data.apply(matching)
    np.testing.assert_array_equal(found.ptm, data.particles["Structure Type"])
    compared = np.isfinite(found.rmsd)
    np.testing.assert_array_equal(found.rmsd[compared], np.array(data.particles["RMSD"])[compared])
    data = ase_to_ovito(atoms)
    data.apply(CommonNeighborAnalysisModifier())
    np.testing.assert_array_equal(found.cna, data.particles["Structure Type"])
    assert 0 < (found.ptm > 0).sum() < len(atoms) or len(atoms) == 40
    outside = found.ptm == 0
    assert np.isnan(found.strain[outside]).all()
    assert np.isnan(found.spacing[outside]).all()


def test_an_icosahedron_has_no_lattice_to_be_strained() -> None:
    found = structure_types(icosahedron())
    assert found.ptm.tolist() == [STRUCTURES.index("icosahedral"), *[0] * 12]
    assert found.cna.tolist() == [CNA_STRUCTURES.index("icosahedral"), *[0] * 12]
    assert np.isnan(found.strain).all()
    assert found.spacing[0] == pytest.approx(2.8, abs=ROUNDING)
    assert (found.unstrained, found.reasons) == ({}, {})


def test_a_mean_of_few_atoms_is_no_unstrained_lattice() -> None:
    ball = crystal("fcc")
    middle = ball.positions - ball.positions.mean(axis=0)
    ball = ase.Atoms(ball.numbers, middle, pbc=False)[np.linalg.norm(middle, axis=1) < 4.8]
    found = structure_types(ball)
    matched = int((found.ptm == 1).sum())
    assert 0 < matched < 10
    assert np.isnan(found.strain).all()
    assert "--lattice-spacing" in found.reasons["strain of fcc"]
    given = structure_types(ball, spacing=CRYSTALS["fcc"][1])
    np.testing.assert_allclose(given.strain[found.ptm == 1], 0, atol=ROUNDING)


def test_in_an_analysis_and_its_arrays() -> None:
    atoms = crystal("fcc")
    atoms.rattle(0.08, seed=1)
    plain, found = analyze(atoms), analyze(atoms, templates=True, lattice_spacing=2.55)
    assert plain.types is None
    assert plain.summary()["structure_types"] is None
    assert "--templates" in plain.summary()["templates_reason"]
    assert isinstance(found.types, StructureTypes)
    again = {"templates": True, "cutoff": found.cutoff, "delta": 0.3, "earlier": found}
    assert analyze(atoms, lattice_spacing=2.55, **again).types is found.types
    for other in ({}, {"lattice_spacing": 2.5}, {"lattice_spacing": 2.55, "template_rmsd": 0.2}):
        assert analyze(atoms, **again, **other).types is not found.types
    assert found.parameters["template_rmsd"] == 0.1
    assert found.parameters["lattice_spacing"] == 2.55
    summary = found.summary()["structure_types"]
    assert summary["ptm"]["fcc"] == 1
    assert summary["strain"]["fcc"]["unstrained_spacing"] == 2.55
    assert quantities_of(found)["ptm fcc"].value == 1
    named = atom_quantities(atoms, found).arrays
    np.testing.assert_array_equal(named["ptm"], found.types.ptm)
    np.testing.assert_array_equal(named["strain_shear"], found.types.strain_shear)
    np.testing.assert_array_equal(named["strain_yz"], found.types.strain[:, 5])
    np.testing.assert_array_equal(named["orientation_w"], found.types.orientation[:, 3])


def test_fractions_of_drawn_models_have_an_interval() -> None:
    atoms = crystal("bcc")
    found = analyze(atoms, cutoff=4.0, order=False, templates=True)
    drawn = resample(atoms, found, 5, sigma=20.0).intervals
    assert drawn is not None
    one = drawn["ptm bcc"]
    assert (one.value, one.samples) == (1, 5)
    assert 0 < one.mean < 1  # noise of 0.2 angstrom makes deviations of 0.1 on bonds of 2.86


def test_without_ovito_an_analysis_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ovito.modifiers", None)
    atoms = crystal("bcc")
    with pytest.raises(MissingDependencyError, match=r"aet-port\[ovito\]"):
        structure_types(atoms)
    found = analyze(atoms, templates=True)
    assert found.types is None
    assert found.templates_reason is not None
    assert "aet-port[ovito]" in found.templates_reason
    assert found.summary()["templates_reason"] == found.templates_reason
    assert "ptm" not in atom_quantities(atoms, found).arrays


@pytest.mark.parametrize("asked", [{"max_rmsd": 0.0}, {"spacing": -1.0}, {"spacing": np.nan}])
def test_unusable_lengths(asked: dict[str, float]) -> None:
    with pytest.raises(InputError, match="above zero"):
        structure_types(crystal("bcc"), **asked)


def test_numbering_is_ovitos() -> None:
    modifiers = pytest.importorskip("ovito.modifiers", exc_type=ImportError)
    kinds = modifiers.PolyhedralTemplateMatchingModifier.Type.__members__
    short = {"icosahedral": "ICO", "hexagonal diamond": "HEX_DIAMOND"}
    for number, name in enumerate(STRUCTURES):
        assert int(kinds[short.get(name, name.upper().replace(" ", "_"))]) == number
    assert {"other", "icosahedral", *LATTICES} == {*STRUCTURES}
