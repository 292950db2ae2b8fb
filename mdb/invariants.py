"""What must hold in a bank, as data: keys, parents, numbering, and ranges of values."""

from __future__ import annotations

from ase.data import chemical_symbols

from mdb.ids import DIGITS, LETTERS

# The table of each kind of entry, and the tables whose rows carry its key.
KINDS: dict[str, tuple[str, ...]] = {
    "md_run": ("md_thermo",),
    "model": (
        *("atom", "atom_fit", "species_fit", "atom_array", "atom_value", "provenance"),
        *("atom_edit", "model_warning"),
    ),
    "analysis": (
        *("tetrahedron", "motif", "motif_tetrahedron", "network", "network_member", "pdf"),
        *("atom_order", "voronoi", "partial_pdf", "coordination", "bond_angle", "measure"),
        *("bipyramid", "motif_contact", "partial_icosahedron", "packing"),
        *("mro", "mro_member", "shared_atom", "resampled_value"),
        *("structure_type", "structure_fraction", "local_chemistry"),
        *("ring", "atom_ring", "void_space", "void", "atom_void"),
        "measure_reason",
    ),
    "validation": ("validation_row",),
}
# The columns that tell one row from the others; the first is the entry that it belongs to.
KEYS: dict[str, tuple[str, ...]] = {
    "sample": ("sample_id",),
    "tilt_series": ("tilt_series_id",),
    "projection": ("tilt_series_id", "projection"),
    "reconstruction": ("reconstruction_id",),
    "model": ("model_id",),
    "atom": ("model_id", "atom"),
    "atom_fit": ("model_id", "atom"),
    "species_fit": ("model_id", "species", "type"),
    "atom_array": ("model_id", "name"),
    "atom_value": ("model_id", "name", "atom", "component"),
    "atom_edit": ("model_id", "edit"),
    "provenance": ("model_id", "role", "file_name"),
    "model_warning": ("model_id", "warning"),
    "analysis": ("analysis_id",),
    "tetrahedron": ("analysis_id", "tetrahedron"),
    "motif": ("analysis_id", "motif"),
    "motif_tetrahedron": ("analysis_id", "motif", "place"),
    "network": ("analysis_id", "network"),
    "network_member": ("analysis_id", "motif"),
    "pdf": ("analysis_id", "r"),
    "atom_order": ("analysis_id", "atom"),
    "voronoi": ("analysis_id", "atom"),
    "partial_pdf": ("analysis_id", "group_1", "group_2", "r"),
    "coordination": ("analysis_id", "group_1", "group_2"),
    "bond_angle": ("analysis_id", "angle"),
    "measure": ("analysis_id", "name"),
    "bipyramid": ("analysis_id", "motif"),
    "motif_contact": ("analysis_id", "motif_1", "motif_2"),
    "partial_icosahedron": ("analysis_id", "atom"),
    "packing": ("analysis_id", "delta", "fold"),
    "mro": ("analysis_id", "mro"),
    "mro_member": ("analysis_id", "atom"),
    "shared_atom": ("analysis_id", "centre_1", "centre_2"),
    "resampled_value": ("analysis_id", "name"),
    "structure_type": ("analysis_id", "atom"),
    "structure_fraction": ("analysis_id", "method", "structure"),
    "local_chemistry": ("analysis_id", "atom", "group_2"),
    "ring": ("analysis_id", "definition", "size"),
    "atom_ring": ("analysis_id", "definition", "size", "atom"),
    "void_space": ("analysis_id",),
    "void": ("analysis_id", "void"),
    "atom_void": ("analysis_id", "atom"),
    "measure_reason": ("analysis_id", "name"),
    "md_run": ("md_run_id",),
    "md_thermo": ("md_run_id", "step"),
    "md_snapshot": ("model_id",),
    "validation": ("validation_id",),
    "validation_row": ("validation_id", "figure", "place"),
    "checksum": ("id", "entry"),
}
# A run goes on from a step, a file has several roles; the others are kept apart otherwise.
REPEATED = ("md_thermo", "provenance", "pdf", "partial_pdf", "checksum")

# Columns of a table, the table that they point to, and its columns unless they are named alike.
PARENTS: tuple[tuple[str, tuple[str, ...], str, tuple[str, ...]], ...] = (
    ("tilt_series", ("sample_id",), "sample", ()),
    ("projection", ("tilt_series_id",), "tilt_series", ()),
    ("reconstruction", ("tilt_series_id",), "tilt_series", ()),
    ("model", ("sample_id",), "sample", ()),
    ("model", ("reconstruction_id",), "reconstruction", ()),
    ("model", ("entry_id",), "model", ("model_id",)),
    ("md_run", ("sample_id",), "sample", ()),
    ("md_snapshot", ("md_run_id",), "md_run", ()),
    ("md_snapshot", ("model_id",), "model", ()),
    ("analysis", ("model_id",), "model", ()),
    *((child, (f"{kind}_id",), kind, ()) for kind, every in KINDS.items() for child in every),
    ("atom_fit", ("model_id", "atom"), "atom", ()),
    ("atom_value", ("model_id", "name"), "atom_array", ()),
    ("motif_tetrahedron", ("analysis_id", "motif"), "motif", ()),
    ("motif_tetrahedron", ("analysis_id", "tetrahedron"), "tetrahedron", ()),
    ("network_member", ("analysis_id", "network"), "network", ()),
    ("network_member", ("analysis_id", "motif"), "motif", ()),
    ("bipyramid", ("analysis_id", "motif"), "motif", ()),
    ("motif_contact", ("analysis_id", "motif_1"), "motif", ("analysis_id", "motif")),
    ("motif_contact", ("analysis_id", "motif_2"), "motif", ("analysis_id", "motif")),
    ("mro_member", ("analysis_id", "mro"), "mro", ()),
)
# Rows that are only kept for others to point to: table, and tables that do.
POINTED_AT = {
    "sample": ("model", "tilt_series", "md_run"),
    "tilt_series": ("reconstruction",),
    "reconstruction": ("model",),
}
# Columns, or lists, of atom numbers in tables of an analysis.
ATOMS: dict[str, tuple[str, ...]] = {
    "tetrahedron": ("atom_1", "atom_2", "atom_3", "atom_4"),
    "motif": ("cap_1", "cap_2", "list_min(ring)", "list_max(ring)"),
    "atom_order": ("atom",),
    "voronoi": ("atom",),
    "partial_icosahedron": ("atom",),
    "mro_member": ("atom",),
    "shared_atom": ("centre_1", "centre_2"),
    "structure_type": ("atom",),
    "local_chemistry": ("atom",),
    "atom_ring": ("atom",),
    "atom_void": ("atom",),
}
# Tables whose last key column counts from 0 without gaps within the key columns before it.
NUMBERED = (
    *("projection", "atom", "atom_edit", "tetrahedron", "motif", "motif_tetrahedron", "network"),
    *("atom_order", "voronoi", "mro", "void", "validation_row", "structure_type", "model_warning"),
    "atom_fit",
)


SHA256 = "regexp_full_match({}, '[0-9a-f]{{64}}')"
# One expression: a list of 118 texts takes DuckDB longer to plan than the atoms to be looked at.
SPECIES = f"regexp_full_match(species, '{'|'.join(chemical_symbols[1:])}')"
STRUCTURES = (
    "{} IN ('other', 'fcc', 'hcp', 'bcc', 'icosahedral', 'sc', 'cubic diamond', "
    "'hexagonal diamond')"
)
DEFINITION = "definition IN ('king', 'primitive')"
# The correlation matrix of the position errors, whose 2 x 2 minors are looked at before, has no
# negative determinant. The last digits of single precision are left to rounding, here and there.
COVARIANCE = (
    "1 + 2 * (covariance_xy / nullif(sigma_x * sigma_y, 0)) "
    "* (covariance_xz / nullif(sigma_x * sigma_z, 0)) "
    "* (covariance_yz / nullif(sigma_y * sigma_z, 0)) "
    "- (covariance_xy / nullif(sigma_x * sigma_y, 0)) ** 2 "
    "- (covariance_xz / nullif(sigma_x * sigma_z, 0)) ** 2 "
    "- (covariance_yz / nullif(sigma_y * sigma_z, 0)) ** 2 >= -1e-6"
)
# Conditions that a person reads in other words.
WORDS = {SPECIES: "a chemical symbol", COVARIANCE: "a positive semidefinite covariance matrix"}
# What holds for each row of a table; NULL passes, and real numbers are finite besides.
RANGES: dict[str, tuple[str, ...]] = {
    "tilt_series": (
        *("n_projections > 0", "pixel_size > 0", "nx > 0", "ny > 0", "tilt_min <= tilt_max"),
    ),
    "projection": ("scale > 0", "r1 >= 0"),
    "reconstruction": ("r_mean >= 0", "r_global >= 0", "json_valid(parameters)"),
    "model": (
        *("n_atoms > 0", "temperature >= 0", "r1_mean >= 0", "r1_global >= 0"),
        *("json_valid(info)", SHA256.format("content_hash")),
        f"regexp_full_match(entry_id, '([A-Z][a-z]?){{1,{LETTERS}}}\\d{{{DIGITS}}}')",
        f"length(entry_id) = {LETTERS + DIGITS}",
        "model_id = entry_id || CASE WHEN version = 1 THEN '' ELSE 'v' || version END",
    ),
    "atom": (SPECIES,),
    "atom_fit": (
        *("confidence BETWEEN 0 AND 1", "p_exists BETWEEN 0 AND 1", "p_species BETWEEN 0 AND 1"),
        *("sigma_x >= 0", "sigma_y >= 0", "sigma_z >= 0", "sigma_height >= 0"),
        *(
            f"covariance_{a}{b} IS NULL OR sigma_{a} * sigma_{b} IS NOT NULL"
            for a, b in ("xy", "xz", "yz")
        ),
        *(
            f"abs(covariance_{a}{b}) <= 1.000001 * sigma_{a} * sigma_{b}"
            for a, b in ("xy", "xz", "yz")
        ),
        COVARIANCE,
    ),
    "species_fit": (SPECIES,),
    "atom_array": ("name <> ''", "coalesce(list_min(shape), 1) >= 0"),
    "atom_value": ("component >= 0", "value IS NULL OR text IS NULL"),
    "atom_edit": (SPECIES, "atom >= 0"),
    "provenance": (SHA256.format("sha256"),),
    "model_warning": ("kind <> ''", "text <> ''", "unit <> ''", "atoms >= 0", "first_atom >= 0"),
    "analysis": (
        *("cutoff > 0", "delta >= 0", "started <= finished", "json_valid(parameters)"),
        *("json_valid(inputs)", SHA256.format("content_hash"), "n_face_pairs >= 0"),
    ),
    "tetrahedron": (
        *("atom_1 <= atom_2", "atom_2 <= atom_3", "atom_3 <= atom_4"),
        *("distortion >= 0", "volume >= 0"),
    ),
    "motif": ("fold BETWEEN 3 AND 8", "cap_1 <> cap_2", "len(ring) = greatest(fold, 4)"),
    "network": (
        *("fold BETWEEN 3 AND 8", "size > 0", "atoms > 0", "length >= 0"),
        "(length IS NULL) = spanning",
    ),
    "pdf": ("r > 0", "g >= 0", "pairs >= 0"),
    "atom_order": ("q4 BETWEEN 0 AND 1", "q6 BETWEEN 0 AND 1", "boo >= 0", "nucleus >= 0"),
    "voronoi": (
        *("n3 >= 0", "n4 >= 0", "n5 >= 0", "n6 >= 0", "n3 + n4 + n5 + n6 <= cn"),
        *("volume >= 0", "density >= 0"),
    ),
    "partial_pdf": ("r > 0", "g >= 0", "pairs >= 0"),
    "coordination": ("number >= 0",),
    "bond_angle": ("angle BETWEEN 0 AND 180", "density >= 0"),
    "measure": ("unit <> ''",),
    "bipyramid": ("alpha > 0", "beta > 0", "gamma > 0", "theta BETWEEN 0 AND 90"),
    "motif_contact": (
        *("motif_1 < motif_2", "dihedral BETWEEN 0 AND 180"),
        "contact = 'edge' OR dihedral IS NULL",
    ),
    "partial_icosahedron": ("sites > 0",),
    "packing": (
        *("delta >= 0", "tetrahedra >= 0", "atoms BETWEEN 0 AND 1", "fold BETWEEN 3 AND 8"),
        *("motifs >= 0", "population BETWEEN 0 AND 1"),
    ),
    "mro": (
        *("lattice IN ('fcc', 'hcp', 'bcc', 'sc')", "size > 0", "length >= 0", "volume >= 0"),
        *("lattice_constant > 0", "rms >= 0", "len(orientation) = 9"),
    ),
    "shared_atom": ("centre_1 < centre_2", "shared > 0"),
    "resampled_value": (
        *("sd >= 0", "low <= high", "unit <> ''", "samples BETWEEN 0 AND drawn", "drawn > 0"),
    ),
    "structure_type": (
        STRUCTURES.format("ptm"),
        "cna IN ('other', 'fcc', 'hcp', 'bcc', 'icosahedral')",
        *("ptm_rmsd >= 0", "ptm_spacing > 0", "strain_shear >= 0"),
        # A third of the trace of (F F^T - 1) / 2, of which each component is above -1/2.
        *("strain_volume > -0.5", "strain_xx > -0.5", "strain_yy > -0.5", "strain_zz > -0.5"),
        "(ptm = 'other') = (ptm_spacing IS NULL)",
        "abs(strain_volume - (strain_xx + strain_yy + strain_zz) / 3) < 1e-9",
        "abs(orientation_x ** 2 + orientation_y ** 2 + orientation_z ** 2 + orientation_w ** 2 - 1)"
        " < 1e-6",
    ),
    "structure_fraction": (
        STRUCTURES.format("structure"),
        *("method IN ('ptm', 'cna')", "atoms >= 0", "fraction BETWEEN 0 AND 1"),
        *("unstrained_spacing > 0", "fraction IS NOT NULL OR reason IS NOT NULL"),
        *("(atoms IS NULL) = (fraction IS NULL)", "reason <> ''"),
    ),
    "local_chemistry": ("group_2 <> ''", "neighbours >= 0", "warren_cowley <= 1"),
    "ring": (
        *(DEFINITION, "size >= 3", "rings >= 0", "smallest BETWEEN 0 AND atoms"),
        *("largest BETWEEN 0 AND atoms", "atoms <= size * rings"),
    ),
    "atom_ring": (DEFINITION, "size >= 3", "rings > 0"),
    "void_space": (
        *("measured_to IN ('centres', 'surfaces')", "voids >= 0"),
        *("free_fraction BETWEEN 0 AND 1", "free_error >= 0"),
    ),
    "void": ("radius > 0",),
    "atom_void": ("radius > 0",),
    "measure_reason": ("reason <> ''",),
    "md_run": (
        *("n_atoms > 0", "cooling_rate >= 0", "time_step > 0", "glass_transition > 0"),
        *("started <= finished", "json_valid(protocol)", SHA256.format("content_hash")),
        SHA256.format("potential_sha256"),
    ),
    "md_thermo": ("step >= 0", "time >= 0", "temperature >= 0", "volume > 0"),
    "md_snapshot": ("step >= 0", "time >= 0", "temperature >= 0"),
    "validation": (SHA256.format("content_hash"),),
    "validation_row": (
        *("tolerance >= 0", "status IN ('reproduced', 'differs', 'not attempted')"),
        "mode IN ('', 'reference quirks')",
    ),
    "checksum": (SHA256.format("sha256"),),
}
# Values of arrays that came with atoms are given back as they came.
UNBOUND = ("atom_value",)
# Tables that an analysis has rows in if it has some in the first: order and packing are computed
# whole or not at all.
NEEDED = {
    "atom_order": ("voronoi", "partial_pdf", "bond_angle", "measure"),
    "voronoi": ("atom_order",),
    "partial_pdf": ("atom_order",),
    "bond_angle": ("atom_order",),
    "measure": ("atom_order",),
    "coordination": ("atom_order",),
    "packing": ("atom_order",),
    "bipyramid": ("packing",),
    "motif_contact": ("bipyramid",),
    "partial_icosahedron": ("bipyramid",),
    "structure_type": ("structure_fraction",),
    "atom_ring": ("ring",),
    "void": ("void_space",),
    "atom_void": ("void_space",),
}
