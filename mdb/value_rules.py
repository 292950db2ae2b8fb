"""The rules of a bank as SQL: each finds the rows that break it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mdb.invariants import (
    ATOMS,
    KEYS,
    KINDS,
    NEEDED,
    NUMBERED,
    PARENTS,
    POINTED_AT,
    RANGES,
    REPEATED,
    UNBOUND,
    WORDS,
)


@dataclass(frozen=True)
class Rule:
    """One thing that must hold.

    Attributes
    ----------
    name
        Group and subject, such as ``"numbering: atom"``.
    table
        Table whose rows are looked at.
    broken
        SELECT of the rows that break it; the first column is the id of their entry.
    """

    name: str
    table: str
    broken: str


def rules(reals: dict[str, dict[str, bool]]) -> Iterator[Rule]:
    """Every rule, counts first.

    Parameters
    ----------
    reals
        Columns of real numbers of each table, and whether they are lists.
    """
    yield from _counts()
    yield from (_numbering(table) for table in NUMBERED)
    yield from (_duplicates(table) for table in KEYS if _may_repeat(table))
    yield from _orphans()
    yield from (range_rule(table, reals.get(table, {})) for table in sorted({*RANGES, *reals}))
    yield from _relations()
    yield from _whole()


def _counts() -> Iterator[Rule]:
    analysis = "(FROM analysis JOIN model USING (model_id))"
    # Banks of before had no projections: those that belong to an entry with a checksum have.
    series = """(SELECT tilt_series.* FROM tilt_series SEMI JOIN
        (SELECT tilt_series_id FROM reconstruction JOIN model USING (reconstruction_id)
         JOIN checksum ON entry = 'model' AND id = model_id) USING (tilt_series_id))"""
    yield _counted("atoms of a model", "model", ("model_id",), "n_atoms", "atom")
    yield _counted(
        "atoms in atom_fit", "model", ("model_id",), "n_atoms", "atom_fit", optional=True
    )
    yield _counted(
        "projections of a tilt series", series, ("tilt_series_id",), "n_projections", "projection"
    )
    yield _counted(
        "values of an array of atoms",
        "(FROM atom_array JOIN model USING (model_id) SELECT model_id, atom_array.name, "
        "n_atoms * coalesce(list_product(shape), 1)::BIGINT AS rows)",
        ("model_id", "name"),
        "rows",
        "atom_value",
    )
    for table in ("tetrahedron", "motif"):
        number = {"tetrahedron": "n_tetrahedra", "motif": "n_motifs"}[table]
        what = {"tetrahedron": "tetrahedra", "motif": "motifs"}[table]
        yield _counted(
            f"{what} of an analysis", "analysis", ("analysis_id",), f"coalesce({number}, 0)", table
        )
    motif = ("analysis_id", "motif")
    yield _counted("tetrahedra of a motif", "motif", motif, "fold", "motif_tetrahedron")
    yield _counted(
        "motifs of a network", "network", ("analysis_id", "network"), "size", "network_member"
    )
    yield _counted(
        "centres of a solute network", "mro", ("analysis_id", "mro"), "size", "mro_member"
    )
    for table in ("atom_order", "voronoi", "structure_type"):
        yield _counted(
            f"atoms in {table}", analysis, ("analysis_id",), "n_atoms", table, optional=True
        )
    yield _counted(
        "local chemical order of all atoms",
        "(SELECT analysis_id, n_atoms * groups AS rows FROM (SELECT analysis_id, "
        "count(DISTINCT group_2) AS groups FROM local_chemistry GROUP BY ALL) "
        "JOIN analysis USING (analysis_id) JOIN model USING (model_id))",
        ("analysis_id",),
        "rows",
        "local_chemistry",
    )
    yield _counted(
        "bipyramids of an analysis",
        "(SELECT analysis_id, count(*) FILTER (fold = 5) AS five FROM motif "
        "SEMI JOIN packing USING (analysis_id) GROUP BY analysis_id)",
        ("analysis_id",),
        "five",
        "bipyramid",
    )
    yield _counted("voids of an analysis", "void_space", ("analysis_id",), "voids", "void")
    yield Rule(
        "counts: rings through atoms",
        "ring",
        "SELECT analysis_id, definition, size, size * rings AS expected, coalesce(n, 0) AS there, "
        "atoms, coalesce(m, 0) AS atoms_there FROM ring LEFT JOIN "
        "(SELECT analysis_id, definition, size, sum(rings)::BIGINT AS n, count(*) AS m "
        "FROM atom_ring GROUP BY ALL) USING (analysis_id, definition, size) "
        "WHERE there <> expected OR atoms_there <> atoms",
    )
    yield Rule(
        "counts: networks of all motifs",
        "network",
        "SELECT analysis_id, fold, sum(size)::BIGINT AS in_networks, any_value(n) AS expected "
        "FROM network JOIN (SELECT analysis_id, fold, count(*) AS n FROM motif GROUP BY ALL) "
        "USING (analysis_id, fold) GROUP BY ALL HAVING sum(size) <> any_value(n)",
    )
    yield Rule(
        "counts: bins of the partial pair distributions",
        "partial_pdf",
        "SELECT analysis_id, group_1, group_2, bins, "
        "max(bins) OVER (PARTITION BY analysis_id) AS expected FROM (SELECT analysis_id, group_1, "
        "group_2, count(*) AS bins FROM partial_pdf GROUP BY ALL) QUALIFY bins <> expected",
    )


def _counted(
    what: str, parent: str, keys: tuple[str, ...], expected: str, child: str, optional: bool = False
) -> Rule:
    """As many rows of ``child`` as its parent says; or none if they are ``optional``."""
    columns = ", ".join(keys)
    return Rule(
        f"counts: {what}",
        child,
        f"SELECT {columns}, {expected} AS expected, coalesce(n, 0) AS there FROM {parent} AS p "
        f"LEFT JOIN (SELECT {columns}, count(*) AS n FROM {child} GROUP BY ALL) USING ({columns}) "
        f"WHERE there <> expected{' AND there <> 0' if optional else ''}",
    )


def _numbering(table: str) -> Rule:
    *owner, number = KEYS[table]
    within = ", ".join(owner)
    return Rule(
        f"numbering: {table}",
        table,
        f"SELECT {within}, count(*) AS rows, count(DISTINCT {number}) AS numbers, "
        f"min({number}) AS lowest, max({number}) AS highest FROM {table} GROUP BY {within} "
        "HAVING lowest <> 0 OR highest <> rows - 1 OR numbers <> rows",
    )


def _may_repeat(table: str) -> bool:
    """Whether no other rule and no constraint keeps the keys of a table apart."""
    if table in ("md_snapshot", "void_space"):
        return True
    return len(KEYS[table]) > 1 and table not in (*NUMBERED, *REPEATED)


def _duplicates(table: str) -> Rule:
    keys = ", ".join(KEYS[table])
    return Rule(
        f"duplicates: {table}",
        table,
        f"SELECT {keys}, count(*) AS times FROM {table} GROUP BY {keys} HAVING times > 1",
    )


def _orphans() -> Iterator[Rule]:
    for table, columns, parent, named in PARENTS:
        pairs = list(zip(columns, named or columns, strict=True))
        shown = ", ".join(f"child.{c}" for c in dict.fromkeys((*KEYS[table], *columns)))
        yield Rule(
            f"orphans: {table}.{columns[-1]} without {parent}",
            table,
            f"SELECT {shown} FROM {table} AS child ANTI JOIN {parent} AS parent "
            f"ON {' AND '.join(f'child.{a} = parent.{b}' for a, b in pairs)} "
            f"WHERE child.{columns[-1]} IS NOT NULL",
        )
    for table, others in POINTED_AT.items():
        key = f"{table}_id"
        used = " UNION ALL ".join(f"SELECT {key} FROM {other}" for other in others)
        yield Rule(
            f"orphans: {table} that nothing is of",
            table,
            f"SELECT {key} FROM {table} ANTI JOIN ({used}) USING ({key})",
        )
    entries = " UNION ALL ".join(
        f"SELECT '{kind}' AS entry, {kind}_id::VARCHAR AS id FROM {kind}" for kind in KINDS
    )
    yield Rule(
        "orphans: checksum without entry",
        "checksum",
        f"SELECT id, entry FROM checksum ANTI JOIN ({entries}) USING (entry, id)",
    )
    for table, columns in ATOMS.items():
        outside = " OR ".join(f"NOT ({c} BETWEEN 0 AND n_atoms - 1)" for c in columns)
        yield Rule(
            f"orphans: {table} without atom",
            table,
            f"SELECT {', '.join(KEYS[table])}, n_atoms FROM {table} JOIN (SELECT analysis_id, "
            f"n_atoms FROM analysis JOIN model USING (model_id)) USING (analysis_id) "
            f"WHERE {outside}",
        )
    yield Rule(
        "orphans: atom_value without atom",
        "atom_value",
        "SELECT model_id, name, atom, n_atoms FROM atom_value "
        "JOIN (SELECT model_id, n_atoms FROM model) USING (model_id) "
        "WHERE NOT (atom BETWEEN 0 AND n_atoms - 1)",
    )


def finite(column: str) -> str:
    """Condition in SQL that a column of real numbers is finite."""
    return f"isfinite({column})"


def range_conditions(table: str, reals: dict[str, bool]) -> tuple[str, ...]:
    """What holds for every row of a table, as conditions in SQL.

    Parameters
    ----------
    reals
        Its columns of real numbers, and whether they are lists.
    """
    numbers = [
        finite(f"list_sum({name}::DOUBLE[])" if is_list else name)
        for name, is_list in reals.items()
        if table not in UNBOUND
    ]
    return (*numbers, *RANGES.get(table, ()))


def range_rule(
    table: str, reals: dict[str, bool], conditions: tuple[str, ...] | None = None
) -> Rule:
    """Rows of a table that break what holds for every row, and what that is.

    Parameters
    ----------
    reals
        As of :func:`range_conditions`.
    conditions
        Those of them that are asked about; all unless given.
    """
    conditions = range_conditions(table, reals) if conditions is None else conditions
    cases = " ".join(f"WHEN NOT ({c}) THEN '{_words(c)}'" for c in conditions)
    keys = ", ".join(KEYS[table])
    return Rule(
        f"ranges: {table}",
        table,
        f"SELECT {keys}, CASE {cases} END AS expected FROM {table} WHERE expected IS NOT NULL",
    )


def _words(condition: str) -> str:
    """A condition as an expectation that a person reads, quoted for SQL."""
    return WORDS.get(condition, condition).replace("'", "''")


def _relations() -> Iterator[Rule]:
    """What holds between rows."""
    yield Rule(
        "relations: versions of an entry",
        "model",
        "SELECT entry_id, count(*) AS versions, min(version) AS first, max(version) AS last "
        "FROM model GROUP BY entry_id HAVING first <> 1 OR last <> versions",
    )
    yield Rule(
        "relations: fold of a network and of its motifs",
        "network_member",
        "SELECT analysis_id, network, motif, n.fold AS expected, m.fold AS there "
        "FROM network_member JOIN network AS n USING (analysis_id, network) "
        "JOIN motif AS m USING (analysis_id, motif) WHERE n.fold <> m.fold",
    )
    yield Rule(
        "relations: bipyramids have five tetrahedra",
        "bipyramid",
        "SELECT analysis_id, motif, fold FROM bipyramid JOIN motif USING (analysis_id, motif) "
        "WHERE fold <> 5",
    )
    yield Rule(
        "relations: distortion of tetrahedra",
        "tetrahedron",
        "SELECT analysis_id, tetrahedron, distortion, delta AS at_most FROM tetrahedron "
        "JOIN (SELECT analysis_id, delta FROM analysis) USING (analysis_id) "
        "WHERE distortion > delta",
    )
    yield Rule(
        "relations: structure types and their fractions",
        "structure_type",
        "SELECT analysis_id, method, structure, atoms AS expected, n AS there FROM ("
        "SELECT analysis_id, method, structure, count(*) AS n FROM ("
        "SELECT analysis_id, 'ptm' AS method, ptm AS structure FROM structure_type UNION ALL "
        "SELECT analysis_id, 'cna' AS method, cna AS structure FROM structure_type) GROUP BY ALL) "
        "JOIN structure_fraction USING (analysis_id, method, structure) "
        "WHERE atoms IS DISTINCT FROM n",
    )
    for table, others in {
        "pdf": (),
        "partial_pdf": ("group_1", "group_2"),
        "packing": (),
    }.items():
        value = "delta" if table == "packing" else "r"
        within = ", ".join(("analysis_id", *others))
        sign = ">" if table == "packing" else ">="  # each delta stands in several rows
        yield Rule(
            f"relations: {table} ascending",
            table,
            f"SELECT {within}, {value}, lag({value}) OVER (PARTITION BY {within} ORDER BY rowid) "
            f"AS before FROM {table} QUALIFY before {sign} {value}",
        )
    yield Rule(
        "relations: components of arrays of atoms",
        "atom_value",
        "SELECT model_id, name, atom, component, width FROM atom_value "
        "JOIN (SELECT model_id, name, coalesce(list_product(shape), 1)::BIGINT AS width "
        "FROM atom_array) USING (model_id, name) WHERE component >= width",
    )
    yield Rule(
        "relations: snapshots are models of their kind",
        "md_snapshot",
        "SELECT model_id, kind FROM md_snapshot JOIN model USING (model_id) "
        "WHERE kind <> 'md_snapshot'",
    )


def _whole() -> Iterator[Rule]:
    """An analysis that passed has all its tables, another one none."""
    yield Rule(
        "whole: analyses that passed",
        "analysis",
        "SELECT analysis_id, cutoff, delta, n_tetrahedra, n_face_pairs, n_motifs FROM analysis "
        "WHERE status = 'passed' AND (cutoff IS NULL OR delta IS NULL OR n_tetrahedra IS NULL "
        "OR n_face_pairs IS NULL OR n_motifs IS NULL "
        "OR analysis_id NOT IN (SELECT analysis_id FROM pdf))",
    )
    rows = " UNION ALL ".join(
        f"SELECT DISTINCT analysis_id, '{table}' AS rows_in FROM {table}"
        for table in KINDS["analysis"]
    )
    yield Rule(
        "whole: analyses that did not pass",
        "analysis",
        f"SELECT analysis_id, rows_in FROM ({rows}) JOIN analysis USING (analysis_id) "
        "WHERE status <> 'passed'",
    )
    missing = " UNION ALL ".join(
        f"SELECT analysis_id, '{table}' AS rows_in, '{other}' AS no_rows_in FROM "
        f"(SELECT DISTINCT analysis_id FROM {table}) ANTI JOIN {other} USING (analysis_id)"
        for table, others in NEEDED.items()
        for other in others
    )
    yield Rule("whole: tables that go together", "analysis", missing)
