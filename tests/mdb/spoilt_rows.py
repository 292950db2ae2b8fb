"""Statements that spoil rows of a bank with everything in it, and the checks that must fail."""

from __future__ import annotations

Expected = dict[str, set[str]]

# A statement that spoils a row, and the checks that must fail then, with the entry they name.
ORPHANS: list[tuple[str, Expected]] = [
    (
        "UPDATE tilt_series SET sample_id = 99",
        {"orphans: tilt_series.sample_id without sample": {"tilt series 1"}},
    ),
    (
        "UPDATE reconstruction SET tilt_series_id = 98",
        {
            "orphans: reconstruction.tilt_series_id without tilt_series": {"reconstruction 1"},
            "orphans: tilt_series that nothing is of": {"tilt series 1"},
        },
    ),
    (
        "UPDATE projection SET tilt_series_id = 97",
        {"orphans: projection.tilt_series_id without tilt_series": {"tilt series 97"}},
    ),
    (
        "UPDATE model SET sample_id = 99 WHERE model_id = 'FeXX00001'",
        {
            "orphans: model.sample_id without sample": {"FeXX00001"},
            "orphans: sample that nothing is of": {"sample 4"},
        },
    ),
    (
        "UPDATE model SET reconstruction_id = 99 WHERE model_id = 'CuTa00001'",
        {
            "orphans: model.reconstruction_id without reconstruction": {"CuTa00001"},
            "orphans: reconstruction that nothing is of": {"reconstruction 1"},
        },
    ),
    (
        "UPDATE model SET entry_id = 'CuTa00009', model_id = 'CuTa00009v2' WHERE version = 2",
        {
            "orphans: model.entry_id without model": {"CuTa00009v2"},
            "relations: versions of an entry": {"CuTa00009"},
            "orphans: checksum without entry": {"CuTa00001v2"},
            **{
                f"orphans: {table}.model_id without model": {"CuTa00001v2"}
                for table in ("atom", "atom_fit", "atom_array", "atom_value", "species_fit")
            },
            "orphans: model_warning.model_id without model": {"CuTa00001v2"},
            "counts: atoms of a model": {"CuTa00009v2"},
        },
    ),
    (
        "UPDATE md_run SET sample_id = 99",
        {
            "orphans: md_run.sample_id without sample": {"md run 1"},
            "orphans: sample that nothing is of": {"sample 1"},
        },
    ),
    (
        "UPDATE md_snapshot SET md_run_id = 99",
        {"orphans: md_snapshot.md_run_id without md_run": {"TaXX00001"}},
    ),
    (
        "INSERT INTO md_snapshot VALUES ('lost', 1, 0, 0, 0)",
        {"orphans: md_snapshot.model_id without model": {"lost"}},
    ),
    (
        "UPDATE analysis SET model_id = 'gone' WHERE analysis_id = 3",
        {"orphans: analysis.model_id without model": {"analysis 3"}},
    ),
    (
        "UPDATE tetrahedron SET atom_4 = 1000 WHERE analysis_id = 2 AND tetrahedron = 3",
        {"orphans: tetrahedron without atom": {"analysis 2"}},
    ),
    (
        "UPDATE motif SET cap_1 = -1 WHERE analysis_id = 1 AND motif = 3",
        {"orphans: motif without atom": {"analysis 1"}},
    ),
    (
        "UPDATE motif SET ring = list_concat([1000], ring[2:]) WHERE analysis_id = 2 AND motif = 3",
        {"orphans: motif without atom": {"analysis 2"}},
    ),
    (
        "UPDATE atom_order SET atom = 1000 WHERE analysis_id = 2 AND atom = 3",
        {
            "orphans: atom_order without atom": {"analysis 2"},
            "numbering: atom_order": {"analysis 2"},
        },
    ),
    (
        "UPDATE voronoi SET atom = -1 WHERE analysis_id = 1 AND atom = 3",
        {"orphans: voronoi without atom": {"analysis 1"}, "numbering: voronoi": {"analysis 1"}},
    ),
    (
        "UPDATE structure_type SET atom = 1000 WHERE analysis_id = 2 AND atom = 3",
        {
            "orphans: structure_type without atom": {"analysis 2"},
            "numbering: structure_type": {"analysis 2"},
        },
    ),
    (
        "UPDATE local_chemistry SET atom = 1000 WHERE analysis_id = 2 AND atom = 3",
        {"orphans: local_chemistry without atom": {"analysis 2"}},
    ),
    (
        "UPDATE partial_icosahedron SET atom = 1000 WHERE analysis_id = 2 AND rowid = "
        "(SELECT max(rowid) FROM partial_icosahedron WHERE analysis_id = 2)",
        {"orphans: partial_icosahedron without atom": {"analysis 2"}},
    ),
    (
        "UPDATE mro_member SET atom = 1000 WHERE rowid = 3",
        {"orphans: mro_member without atom": {"analysis 2"}},
    ),
    (
        "UPDATE shared_atom SET centre_2 = 1000 WHERE rowid = 3",
        {"orphans: shared_atom without atom": {"analysis 2"}},
    ),
    (
        "UPDATE atom_ring SET atom = 1000 WHERE rowid = 3",
        {"orphans: atom_ring without atom": {"analysis 2"}},
    ),
    (
        "UPDATE atom_void SET atom = -1 WHERE rowid = 3",
        {"orphans: atom_void without atom": {"analysis 2"}},
    ),
    (
        "UPDATE atom_value SET atom = 1000 WHERE name = 'label' AND atom = 3 "
        "AND model_id = 'CuTa00001'",
        {"orphans: atom_value without atom": {"CuTa00001"}},
    ),
    (
        "UPDATE atom_fit SET atom = 1000 WHERE atom = 5 AND model_id = 'CuTa00001'",
        {
            "orphans: atom_fit.atom without atom": {"CuTa00001"},
            "numbering: atom_fit": {"CuTa00001"},
        },
    ),
    (
        "UPDATE atom_value SET name = 'none' WHERE name = 'label' AND atom = 4 "
        "AND model_id = 'CuTa00001'",
        {
            "orphans: atom_value.name without atom_array": {"CuTa00001"},
            "counts: values of an array of atoms": {"CuTa00001"},
        },
    ),
]
# One row more, of an analysis that is not there, and what is wrong with it besides.
LOST = {
    "tetrahedron": (),
    "motif": ("counts: tetrahedra of a motif",),
    "motif_tetrahedron": (
        "orphans: motif_tetrahedron.motif without motif",
        "orphans: motif_tetrahedron.tetrahedron without tetrahedron",
    ),
    "network": ("counts: motifs of a network",),
    "network_member": (
        "orphans: network_member.network without network",
        "orphans: network_member.motif without motif",
    ),
    "pdf": (),
    "atom_order": ("whole: tables that go together",),
    "voronoi": ("whole: tables that go together",),
    "partial_pdf": ("whole: tables that go together",),
    "coordination": ("whole: tables that go together",),
    "bond_angle": ("whole: tables that go together",),
    "measure": ("whole: tables that go together",),
    "bipyramid": ("whole: tables that go together", "orphans: bipyramid.motif without motif"),
    "motif_contact": (
        "whole: tables that go together",
        "orphans: motif_contact.motif_1 without motif",
        "orphans: motif_contact.motif_2 without motif",
    ),
    "partial_icosahedron": ("whole: tables that go together",),
    "packing": ("whole: tables that go together",),
    "mro": ("counts: centres of a solute network",),
    "mro_member": ("orphans: mro_member.mro without mro",),
    "shared_atom": (),
    "resampled_value": (),
    "structure_type": ("whole: tables that go together",),
    "structure_fraction": (),
    "local_chemistry": (),
    "ring": ("counts: rings through atoms",),
    "atom_ring": ("whole: tables that go together",),
    "void_space": ("counts: voids of an analysis",),
    "void": ("whole: tables that go together",),
    "atom_void": ("whole: tables that go together",),
    "measure_reason": (),
}
ORPHANS += [
    (
        f"INSERT INTO {table} SELECT * REPLACE ({number} AS analysis_id) FROM {table} LIMIT 1",
        {
            name: {f"analysis {number}"}
            for name in (f"orphans: {table}.analysis_id without analysis", *others)
        },
    )
    for number, (table, others) in enumerate(LOST.items(), start=20)
]
ORPHANS += [
    (
        f"INSERT INTO {table} SELECT * REPLACE ('{table}' AS model_id) FROM {table} LIMIT 1",
        {f"orphans: {table}.model_id without model": {table}},
    )
    for table in ("atom", "species_fit", "atom_array", "provenance", "atom_edit", "model_warning")
]
ORPHANS += [
    (
        "INSERT INTO atom_fit SELECT * REPLACE ('atom_fit' AS model_id) FROM atom_fit LIMIT 1",
        {
            "orphans: atom_fit.model_id without model": {"atom_fit"},
            "orphans: atom_fit.atom without atom": {"atom_fit"},
        },
    ),
    (
        "INSERT INTO atom_value SELECT * REPLACE ('atom_value' AS model_id) FROM atom_value "
        "LIMIT 1",
        {
            "orphans: atom_value.model_id without model": {"atom_value"},
            "orphans: atom_value.name without atom_array": {"atom_value"},
        },
    ),
    (
        "INSERT INTO md_thermo SELECT * REPLACE (99 AS md_run_id) FROM md_thermo LIMIT 1",
        {"orphans: md_thermo.md_run_id without md_run": {"md run 99"}},
    ),
    (
        "INSERT INTO validation_row SELECT * REPLACE (99 AS validation_id) FROM validation_row "
        "LIMIT 1",
        {"orphans: validation_row.validation_id without validation": {"validation 99"}},
    ),
    (
        "INSERT INTO checksum VALUES ('md_run', '7', repeat('a', 64))",
        {"orphans: checksum without entry": {"7"}},
    ),
]
COUNTS: list[tuple[str, Expected]] = [
    (
        "DELETE FROM atom WHERE model_id = 'FeXX00001' AND atom = 4",
        {"counts: atoms of a model": {"FeXX00001"}},
    ),
    (
        "DELETE FROM atom_fit WHERE model_id = 'CuTa00001v2' AND atom = 250",
        {"counts: atoms in atom_fit": {"CuTa00001v2"}},
    ),
    (
        "DELETE FROM projection WHERE projection = 2",
        {"counts: projections of a tilt series": {"tilt series 1"}},
    ),
    (
        "DELETE FROM atom_value WHERE model_id = 'CuTa00001v2' AND name = 'momenta' AND atom = 5 "
        "AND component = 1",
        {"counts: values of an array of atoms": {"CuTa00001v2"}},
    ),
    (
        "UPDATE analysis SET n_tetrahedra = n_tetrahedra + 1 WHERE analysis_id = 1",
        {"counts: tetrahedra of an analysis": {"analysis 1"}},
    ),
    (
        "UPDATE analysis SET n_motifs = 0 WHERE analysis_id = 2",
        {"counts: motifs of an analysis": {"analysis 2"}},
    ),
    (
        "DELETE FROM motif_tetrahedron WHERE analysis_id = 2 AND motif = 0 AND place = "
        "(SELECT max(place) FROM motif_tetrahedron WHERE analysis_id = 2 AND motif = 0)",
        {"counts: tetrahedra of a motif": {"analysis 2"}},
    ),
    (
        "UPDATE network SET size = size + 1 WHERE analysis_id = 1 AND network = 1",
        {
            "counts: motifs of a network": {"analysis 1"},
            "counts: networks of all motifs": {"analysis 1"},
        },
    ),
    (
        "UPDATE ring SET rings = rings + 1 WHERE definition = 'king' AND size = 4",
        {"counts: rings through atoms": {"analysis 2"}},
    ),
    (
        "DELETE FROM void WHERE void = (SELECT max(void) FROM void)",
        {"counts: voids of an analysis": {"analysis 2"}},
    ),
    (
        "UPDATE void SET void = 5000 WHERE void = 3",
        {"numbering: void": {"analysis 2"}},
    ),
    (
        "UPDATE mro SET size = size + 1 WHERE mro = 2",
        {"counts: centres of a solute network": {"analysis 2"}},
    ),
    (
        "DELETE FROM atom_order WHERE analysis_id = 1 AND atom = 107",
        {"counts: atoms in atom_order": {"analysis 1"}},
    ),
    (
        "DELETE FROM local_chemistry WHERE atom = 250",
        {"counts: local chemical order of all atoms": {"analysis 2"}},
    ),
    (
        "DELETE FROM structure_type WHERE atom = (SELECT max(atom) FROM structure_type)",
        {
            "counts: atoms in structure_type": {"analysis 2"},
            "relations: structure types and their fractions": {"analysis 2"},
        },
    ),
    (
        "UPDATE structure_fraction SET atoms = atoms + 1 WHERE structure = 'sc'",
        {"relations: structure types and their fractions": {"analysis 2"}},
    ),
    (
        "DELETE FROM voronoi WHERE analysis_id = 2 AND atom = 250",
        {"counts: atoms in voronoi": {"analysis 2"}},
    ),
    (
        "DELETE FROM bipyramid WHERE rowid = (SELECT max(rowid) FROM bipyramid)",
        {"counts: bipyramids of an analysis": {"analysis 2"}},
    ),
    (
        "DELETE FROM partial_pdf WHERE rowid = (SELECT max(rowid) FROM partial_pdf)",
        {"counts: bins of the partial pair distributions": {"analysis 2"}},
    ),
    (
        "UPDATE projection SET projection = 0 WHERE projection = 1",
        {"numbering: projection": {"tilt series 1"}},
    ),
    (
        "UPDATE atom SET atom = 3 WHERE model_id = 'CuTa00001' AND atom = 4",
        {"numbering: atom": {"CuTa00001"}},
    ),
    (
        "UPDATE atom_fit SET atom = 3 WHERE model_id = 'CuTa00001' AND atom = 4",
        {"numbering: atom_fit": {"CuTa00001"}},
    ),
    (
        "UPDATE atom_edit SET edit = 2 WHERE edit = 1",
        {"numbering: atom_edit": {"CuTa00001"}},
    ),
    (
        "UPDATE model_warning SET warning = 9 WHERE warning = 0 AND model_id = 'CuTa00001'",
        {"numbering: model_warning": {"CuTa00001"}},
    ),
    (
        "UPDATE tetrahedron SET tetrahedron = 10000 WHERE analysis_id = 2 AND tetrahedron = "
        "(SELECT max(tetrahedron) FROM tetrahedron ANTI JOIN motif_tetrahedron "
        "USING (analysis_id, tetrahedron) WHERE analysis_id = 2)",
        {"numbering: tetrahedron": {"analysis 2"}},
    ),
    (
        "UPDATE motif SET motif = 10000 WHERE analysis_id = 2 AND motif = 1;"
        "UPDATE motif_tetrahedron SET motif = 10000 WHERE analysis_id = 2 AND motif = 1",
        {"numbering: motif": {"analysis 2"}},
    ),
    (
        "UPDATE motif_tetrahedron SET place = 9 WHERE analysis_id = 1 AND motif = 0 AND place = 1",
        {"numbering: motif_tetrahedron": {"analysis 1"}},
    ),
    (
        "UPDATE network SET network = 10000 WHERE analysis_id = 2 AND network = 1;"
        "UPDATE network_member SET network = 10000 WHERE analysis_id = 2 AND network = 1",
        {"numbering: network": {"analysis 2"}},
    ),
    (
        "UPDATE mro SET mro = 10000 WHERE mro = 3; UPDATE mro_member SET mro = 10000 WHERE mro = 3",
        {"numbering: mro": {"analysis 2"}},
    ),
    (
        "UPDATE validation_row SET place = 5 WHERE figure = 'ta.theta' AND place = 1",
        {"numbering: validation_row": {"validation 1"}},
    ),
    (
        "UPDATE network SET fold = 3 WHERE analysis_id = 2 AND network = 0",
        {
            "relations: fold of a network and of its motifs": {"analysis 2"},
            "counts: networks of all motifs": {"analysis 2"},
        },
    ),
    (
        "UPDATE bipyramid SET motif = (SELECT min(motif) FROM motif WHERE analysis_id = 1 "
        "AND fold = 4) WHERE analysis_id = 1 AND rowid = 3",
        {"relations: bipyramids have five tetrahedra": {"analysis 1"}},
    ),
    (
        "UPDATE tetrahedron SET distortion = 0.9 WHERE analysis_id = 1 AND tetrahedron = 0",
        {"relations: distortion of tetrahedra": {"analysis 1"}},
    ),
    (
        "UPDATE pdf SET r = 1e-6 WHERE analysis_id = 1 AND rowid = 30",
        {"relations: pdf ascending": {"analysis 1"}},
    ),
    (
        "UPDATE partial_pdf SET r = 1e-6 WHERE rowid = 30",
        {"relations: partial_pdf ascending": {"analysis 1"}},
    ),
    (
        "UPDATE packing SET delta = 0 WHERE rowid = 30",
        {"relations: packing ascending": {"analysis 1"}},
    ),
    (
        "UPDATE atom_value SET component = 7 WHERE model_id = 'CuTa00001v2' AND name = 'momenta' "
        "AND atom = 3 AND component = 1",
        {"relations: components of arrays of atoms": {"CuTa00001v2"}},
    ),
    (
        "UPDATE model SET kind = 'synthetic' WHERE model_id = 'TaXX00001'",
        {"relations: snapshots are models of their kind": {"TaXX00001"}},
    ),
    (
        "UPDATE atom SET species = 'Pt' WHERE model_id = 'FeXX00001' AND atom = 0",
        {"relations: ids and species of models": {"FeXX00001"}},
    ),
    (
        "UPDATE analysis SET cutoff = NULL WHERE analysis_id = 1",
        {"whole: analyses that passed": {"analysis 1"}},
    ),
    (
        "INSERT INTO pdf VALUES (3, 1, 0, 0)",
        {"whole: analyses that did not pass": {"analysis 3"}},
    ),
]
# A row that is there twice, the entry that it belongs to, and what else it upsets.
TWICE = {
    "species_fit": ("CuTa00001", ()),
    "atom_array": ("CuTa00001", ()),
    "atom_value": ("CuTa00001", ("counts: values of an array of atoms",)),
    "network_member": ("analysis 1", ("counts: motifs of a network",)),
    "coordination": ("analysis 1", ()),
    "bond_angle": ("analysis 1", ()),
    "measure": ("analysis 1", ()),
    "bipyramid": ("analysis 1", ("counts: bipyramids of an analysis",)),
    "motif_contact": ("analysis 1", ()),
    "partial_icosahedron": ("analysis 1", ()),
    "packing": ("analysis 1", ("relations: packing ascending",)),
    "mro_member": ("analysis 2", ("counts: centres of a solute network",)),
    "shared_atom": ("analysis 2", ()),
    "resampled_value": ("analysis 2", ()),
    "structure_fraction": ("analysis 2", ()),
    "local_chemistry": ("analysis 2", ("counts: local chemical order of all atoms",)),
    "ring": ("analysis 2", ()),
    "atom_ring": ("analysis 2", ("counts: rings through atoms",)),
    "void_space": ("analysis 2", ()),
    "atom_void": ("analysis 2", ()),
    "measure_reason": ("analysis 1", ()),
    "md_snapshot": ("TaXX00001", ()),
}
COUNTS += [
    (
        f"INSERT INTO {table} FROM {table} LIMIT 1",
        {name: {entry} for name in (f"duplicates: {table}", *others)},
    )
    for table, (entry, others) in TWICE.items()
]
