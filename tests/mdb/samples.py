"""Models to deposit, and a bank with something in every table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import ase
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

import mdb
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.core.uncertainty import P_EXISTS, P_SPECIES, SIGMA_HEIGHT, uncertainty_arrays
from aet_port.structure import Interval, Intervals, StructureResult, StructureTypes, analyze
from aet_port.structure.bonds.templates import CNA_STRUCTURES, STRUCTURES
from aet_port.validation.published_table import Row
from mdb import Bank
from mdb.checks import Check, check
from tests.structure.samples import close_packed, shaken_box


def particle(seed: int = 0, radius: float = 6.0) -> tuple[AtomicModel, StructureResult]:
    """A small disordered particle and its analysis."""
    atoms = close_packed(seed, radius=radius)
    return AtomicModel(atoms, name=f"particle {seed}"), analyze(atoms, cutoff=4.0)


def alloy(symbols: str, scale: float = 3.0) -> AtomicModel:
    """Atoms of a formula in a row, for what does not need a structure."""
    atoms = ase.Atoms(symbols)
    atoms.positions[:, 0] = scale * np.arange(len(atoms))
    return AtomicModel(atoms, name=symbols)


def uncertainties(n: int, seed: int = 0) -> dict[str, NDArray[np.float64]]:
    """Arrays of what is known of the errors of n atoms, the covariances of full rank."""
    rng = np.random.default_rng(seed)
    roots = rng.normal(0, 0.1, (n, 3, 3))
    found = uncertainty_arrays(roots @ roots.transpose(0, 2, 1))
    found[SIGMA_HEIGHT] = rng.uniform(0.5, 1, n)
    found[P_EXISTS] = rng.uniform(0, 1, n)
    found[P_SPECIES] = rng.uniform(0.5, 1, n)
    return found


def structure_types(n: int, seed: int = 0) -> StructureTypes:
    """Structure types of n atoms as OVITO could have found them, every kind among them."""
    rng = np.random.default_rng(seed)
    ptm = rng.permutation(np.arange(n) % len(STRUCTURES))
    turns = Rotation.random(n, random_state=seed).as_quat()
    lattice = (ptm != 0) & (ptm != STRUCTURES.index("icosahedral"))
    strain = np.where(lattice[:, None], rng.normal(0, 0.01, (n, 6)), np.nan)
    return StructureTypes(
        ptm=ptm,
        rmsd=np.where(np.arange(n) % 5, rng.uniform(0, 0.1, n), np.nan),
        spacing=np.where(ptm > 0, rng.uniform(2.5, 3, n), np.nan),
        orientation=np.where(ptm[:, None] > 0, turns, np.nan),
        strain=strain,
        cna=rng.permutation(np.arange(n) % len(CNA_STRUCTURES)),
        unstrained={"fcc": 2.8, "bcc": 2.7},
        max_rmsd=0.1,
        reasons={"strain of hcp": "3 atoms, fewer than 10"},
    )


def shifted(
    model: AtomicModel, analysis: StructureResult, by: float
) -> tuple[AtomicModel, StructureResult]:
    """The model moved along x, another model to the bank, and its analysis."""
    atoms = model.atoms.copy()
    atoms.positions[:, 0] += by
    corners = atoms.positions[analysis.tetrahedra.vertices]
    tetrahedra = replace(analysis.tetrahedra, corners=corners)
    return AtomicModel(atoms, name=model.name), replace(analysis, tetrahedra=tetrahedra)


def deposit_everything(bank: Bank) -> None:
    """Rows in every table.

    TaXX00001 is a snapshot with analysis 1; CuTa00001 has everything that a model can have,
    analysis 2 with solutes and analysis 3, which failed; CuTa00001v2 corrects it; FeXX00001 has
    nothing but its atoms.
    """
    thermo = pa.table({"step": [0, 10], "time": [0.0, 0.02], "temperature": [300.0, 290.0]})
    run = mdb.MdRun("quench", "Ta melt", "LAMMPS 1", "EAM", {"ensemble": "npt"}, 256, thermo)
    number = mdb.deposit_run(bank, replace(run, cooling_rate=1e13, time_step=2.0))
    box = shaken_box(1, repeat=3)
    mdb.deposit(
        bank,
        AtomicModel(box, name="box"),
        kind="md_snapshot",
        analysis=analyze(box, cutoff=4.0),
        snapshot=mdb.Snapshot(number, 10, 300.0, 0.02),
    )
    rng = np.random.default_rng(0)
    rows = (
        Interval("motifs 5", "1", 40.0, 30.0, 3.0, 25.0, 35.5, 8, 52.0),
        Interval("peak_3", "angstrom", *[float("nan")] * 5, 2),
    )
    atoms = close_packed(0, radius=10)
    atoms.numbers[rng.random(len(atoms)) < 0.25] = 29
    n = len(atoms)
    found = replace(
        analyze(atoms, cutoff=4.0, solute="Cu", rings=5, voids="surfaces"),
        intervals=Intervals(rows, 8, 3, "of"),
        types=structure_types(n),
    )
    atoms.set_array("type", np.arange(n) % 2 + 1)
    atoms.set_array("confidence", rng.uniform(0.5, 1, n))
    atoms.set_array("b_factor", rng.uniform(0, 1, n))
    atoms.set_array("flag", np.array(["", "by hand"])[np.arange(n) % 2])
    atoms.set_array("momenta", rng.normal(size=(n, 3)))
    atoms.set_array("label", np.array([f"a{k}" for k in range(n)]))
    for name, values in uncertainties(n).items():
        atoms.set_array(name, values)
    model = AtomicModel(atoms, name="alloy")
    series = TiltSeries(rng.uniform(1, 2, (3, 8, 6)), np.array([-60.0, 0, 55]), 0.36, name="tilts")
    details = mdb.Details(
        temperature=300.0,
        r1_mean=0.1,
        r1_global=0.09,
        optimization_type="experimental",
        licence="CC0",
        doi="10.1/1",
        species=[mdb.SpeciesFit("Ta", 1, 1.0, 4.0), mdb.SpeciesFit("Cu", 2, 0.8, 3.0)],
        info={"microscope": "one"},
    )
    origin = mdb.Reconstruction(
        "RESIRE",
        {"iterations": 200},
        0.11,
        series,
        r_global=0.12,
        r_factors=np.array([0.1, 0.11, 0.12]),
        shifts=rng.normal(size=(3, 2)),
        scales=np.ones(3),
    )
    edits = [
        mdb.Edit("add", None, "Ta", (1.0, 2.0, 3.0), "a hole", "somebody"),
        mdb.Edit("remove", 7, "Cu"),
    ]
    source = [mdb.Provenance("projections", "projections.mat", "0" * 64)]
    first = mdb.deposit(
        bank,
        model,
        reconstruction=origin,
        analysis=found,
        provenance=source,
        details=details,
        edits=edits,
    )
    mdb.deposit_failure(bank, first.id, {"cutoff": 1.0}, "no tetrahedra")
    mdb.deposit(bank, model, details=replace(details, doi="10.1/2"), corrects=first.id)
    mdb.deposit(bank, alloy("Fe5"))
    facts = ("ta.theta", "Ta film", "tilt", "degree")
    mdb.deposit_validation(
        bank,
        [
            Row(*facts, (3.0, 4.0), (3.1, 4.2), 0.2, 0.3, "reproduced", "reference quirks", "why"),
            Row("ta.atoms", *facts[1:], (3.0,), (), None, None, "not attempted", "", "long"),
        ],
    )


def failed(checks: Iterable[Check]) -> list[Check]:
    """Those that failed."""
    return [one for one in checks if one.status == "failed"]


def assert_whole(bank: Bank, hashes: bool = False) -> None:
    """Every entry of the bank is there with all its rows, and no row without its entry."""
    assert failed(check(bank, hashes=hashes)) == []
