"""Speed of filling and querying a bank of 2,000,000 atoms with their motifs.

One glass is analysed and deposited repeatedly, each time rotated, shifted and with axes permuted,
so that no two deposits hold the same atoms. A deposit is compared with a plain Parquet write of the
same columns by pyarrow, which neither checks nor hashes nor survives an interruption.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import ase
import numba
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.timings import peak_memory, reset_peak
from aet_port.structure import StructureResult, analyze
from benchmarks.networks import ball
from benchmarks.structure import liquid
from benchmarks.timing import Row, least_seconds
from mdb import Bank, MdRun, Snapshot, deposit, deposit_run
from mdb.entries import read_entry
from mdb.queries import named_queries

ATOMS = 2_000_000
SIDE = 25  # cells of the glass along each axis
PARTICLE = 4000  # atoms of the experimental model
LOOSE = 12  # deposits without motifs
ROUNDS, APART = 250, 2.9  # steps that push atoms of the glass apart, and how far, angstrom


def glass(side: int = SIDE) -> ase.Atoms:
    """A periodic liquid, pushed apart until it has about as many motifs as a metallic glass."""
    return liquid((side, side, side), touch=APART, rounds=ROUNDS)


def copies(atoms: ase.Atoms, number: int, seed: int) -> Iterator[AtomicModel]:
    """Copies of a structure with permuted axes and random shifts, all with other coordinates."""
    rng = np.random.default_rng(seed)
    for k in range(number):
        other = atoms.copy()
        # The cell is a cube: it stays the same.
        other.positions = np.roll(atoms.positions, k % 3, axis=1) + rng.uniform(0, 50, 3)
        other.wrap()
        yield AtomicModel(other, name=f"glass {k}")


def without_motifs(found: StructureResult) -> StructureResult:
    """Only pair distribution and short-range order."""
    none = np.zeros((0, 8), dtype=np.int64)
    solid = found.tetrahedra
    return replace(
        found,
        tetrahedra=replace(
            solid,
            vertices=solid.vertices[:0],
            corners=solid.corners[:0],
            distortion=solid.distortion[:0],
            volume=solid.volume[:0],
        ),
        face_pairs=found.face_pairs[:0],
        motifs=replace(found.motifs, fold=none[:, 0], caps=none[:, :2], tetrahedra=none, ring=none),
        networks={
            fold: replace(
                one,
                motif=one.motif[:0],
                label=one.label[:0],
                size=one.size[:0],
                atoms=one.atoms[:0],
                length=one.length[:0],
            )
            for fold, one in found.networks.items()
        },
        packing=None,
    )


def write_parquet(folder: Path, tables: Mapping[str, pa.Table]) -> None:
    """Write each table to a file."""
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")


def rows_of(bank: Bank, model: str, analysis: int) -> dict[str, pa.Table]:
    """The rows of a deposit, including the keys of the bank."""
    with bank.transaction() as connection:
        parts = (("model", model), ("analysis", analysis))
        found: dict[str, pa.Table] = {}
        for kind, key in parts:
            for name, table in read_entry(connection, kind, key).items():
                column = pa.DictionaryArray.from_arrays(np.zeros(len(table), np.int8), [key])
                found[name] = table.append_column(f"{kind}_id", column).combine_chunks()
    return {name: table for name, table in found.items() if len(table)}


def fill(
    bank: Bank, atoms: ase.Atoms, found: StructureResult, number: int, seed: int, folder: Path
) -> tuple[list[float], float]:
    """Seconds of each deposit, and least seconds of a Parquet write of one of them."""
    thermo = pa.table({"step": [0], "temperature": [300.0]})
    runs = [
        deposit_run(bank, MdRun(name, "Ta", "none", "none", {"seed": seed}, len(atoms), thermo))
        for name in ("slow", "fast")
    ]
    seconds = []
    for k, model in enumerate(copies(atoms, number, seed)):
        at = Snapshot(run=runs[k % len(runs)], step=1000 * k, temperature=300.0 + 20 * k)
        start = time.perf_counter()
        done = deposit(bank, model, kind="md_snapshot", sample="Ta", analysis=found, snapshot=at)
        seconds.append(time.perf_counter() - start)
    assert done.analysis is not None
    tables = rows_of(bank, done.id, done.analysis)
    plain = least_seconds({"parquet": lambda: write_parquet(folder, tables)}, rounds=5)
    return seconds, plain["parquet"]


def deposits(what: str, atoms: int, seconds: list[float], plain: float) -> Row:
    """Rate of deposits compared with that of Parquet."""
    least = min(seconds)
    return Row(
        f"deposit, {what}: {len(seconds)} of {atoms} atoms",
        f"{atoms / least:,.0f} atoms/s ({atoms * len(seconds) / sum(seconds):,.0f} on average)",
        f"plain Parquet {atoms / plain:,.0f} atoms/s",
        f"{plain / least:.2f}x",
    )


def questions(bank: Bank, model: str, analysis: int) -> list[Row]:
    """Time of each named query."""
    given: dict[str, dict[str, Any]] = {
        "nearest-by-pdf": {"model": model},
        "nearest-by-motifs": {"model": model},
        "network-atoms": {"analysis": analysis, "network": 0},
    }
    rows = []
    for name in named_queries():
        values = given.get(name, {})
        work = {"ours": lambda name=name, values=values: bank.query(name, **values)}  # type: ignore[misc]
        seconds = least_seconds(work, rounds=3)["ours"]
        found = bank.query(name, **values).num_rows
        rows.append(Row(f"query {name}", f"{1000 * seconds:.0f} ms", f"{found} rows"))
    return rows


def run() -> list[Row]:
    """Rows of the table."""
    threads = numba.get_num_threads()
    atoms = glass()
    found = analyze(atoms)
    particle = ball(atoms, PARTICLE)
    number = -(-ATOMS // len(atoms))
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with Bank(folder / "loose.duckdb") as bank:
            seconds, plain = fill(bank, atoms, without_motifs(found), LOOSE, 0, folder)
            rows.append(deposits("pair distribution and order", len(atoms), seconds, plain))
        reset_peak()
        path = folder / "bank.duckdb"
        with Bank(path) as bank:
            done = deposit(bank, AtomicModel(particle, name="ball"), analysis=analyze(particle))
            seconds, plain = fill(bank, atoms, found, number, 1, folder)
            rows.append(deposits("all, motifs and networks too", len(atoms), seconds, plain))
            filled = peak_memory()
        reset_peak()
        with Bank(path, read_only=True) as bank:
            total = bank.sql("SELECT count(*) AS n FROM atom")["n"][0].as_py()
            assert done.analysis is not None
            rows += questions(bank, done.id, done.analysis + number)
            rows.append(
                Row(
                    f"bank of {total:,} atoms, {number * len(found.motifs):,} motifs",
                    f"{path.stat().st_size / 1e9:.2f} GB, process {filled:.2f} GB filling, "
                    f"{peak_memory():.2f} GB asking",
                    f"DuckDB on all cores, numba on {threads}",
                )
            )
    return rows
