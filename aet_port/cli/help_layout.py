"""Help of commands: options in groups, each command with an example."""

from __future__ import annotations

from typing import Any

# Options by what they are about, in the order in which help shows them.
GROUPS: dict[str, str] = {
    "Input": """
        analysis angle angle_unit angles_variable at average axes background beam_stop by
        calibration code composition composition_error config corrects counts_per_unit crystal
        dark_level denoised detector doi edits extended field figure frame frames_per_tilt gain
        golden golden_from group half_sets image indices initial kind lattice licence mask model
        model_variable name non_atoms only optimization_type pixel_size potential preset quench
        r1_mean read_noise read_only reciprocal_pixel repo sample saturation_level scale series
        settings shears small snapshot_format snapshots species standard status support
        temperature tilt_axis transforms truth types types_variable variable volumes
    """,
    "Output": """
        as_csv as_json bank chemical_map colours csv density_map figure_format figures form fps
        frames html keep_extended networks out output parquet peaks pixels report rows score_map
        shown table to what
    """,
    "Physics": """
        align analyze angle_error angles any_frame apart area atoms b_factor b_factors bins
        calibrated cells centre chemical_radius clear_outside confidence cooling_rate
        counts_angles crop cs_mm cutoff defocus delta denoise density depth displacement
        distribution dose draws ellipse energy engine errors estimate_shear exact fdr
        film_marker film_particles fit_angles fit_background fold height_spread heights highest
        inner jitter lattice_spacing least_distance local_radius lowest map_sigma margin
        max_displacement max_drift melt_temperature melt_time minimum_distance n_z outer
        parametrization per_image phonons positivity probe probe_fraction probe_widths q_max
        q_min radius reference_quirks refine_angles refine_offsets refine_scales refine_shifts
        repair require_glass rings rms scan_shear second_background semiangle shape shear_x
        shear_y shift_error shifts shortest sigma significance slow_axis solute source_size
        split strength template_rmsd templates thirds threshold tilt_range tilts time_step
        unassigned unscaled voids weights width
    """,
    "Numerics": """
        checkpoint_interval cycles degree density_interpolation density_sigma density_voxel edge
        folds iterations map_voxel max_at_bound max_correction max_evaluations max_iterations
        max_peaks max_rounds max_steps maximum_shift method oversampling packings precision
        projector q_step r_max r_step radial_step resample rounds sampling schedule
        settled_iterations slice_thickness smoothing step tolerance trials upsampling vectors
        window
    """,
    "Run": """
        author browser check checkpoint dry_run help memory no_hashes port quick ranks redo
        resume scheduler seed threads timeout validate workers
    """,
}
_GROUP_OF = {name: group for group, names in GROUPS.items() for name in names.split()}
_ORDER = list(GROUPS)
# Commands that write into their bank; others read it.
_DEPOSITING = ("mdb init", "mdb deposit", "mdb import", "mdb import-published")

# One line for each command, below its help.
EXAMPLES: dict[str, str] = {
    "demo": "aet demo --out demo",
    "run": "aet run particle.toml --out particle",
    "preprocess": "aet preprocess frames.emd --denoise nlm -o clean",
    "reconstruct": "aet reconstruct projections.mat angles.mat --iterations 200 -o volume.mrc",
    "refine-angles": "aet refine-angles projections.mat angles.mat --model model.xyz -o aligned",
    "trace": "aet trace volume.mrc -o peaks.npz",
    "classify": "aet classify volume.mrc peaks.npz --species Co,Pd,Pt -o model.extxyz",
    "detect": "aet detect projections.mat angles.mat --species Pd -o atoms.extxyz",
    "check-model": "aet check-model projections.mat angles.mat model.xyz -o checked.extxyz",
    "refine": "aet refine projections.mat angles.mat model.extxyz --folds 5 -o refined.extxyz",
    "analyze": "aet analyze model.xyz --cutoff 4.12 --bank bank.duckdb --figures figures",
    "view": "aet view model.xyz --cutoff 4.12 -o networks.png",
    "report": "aet report particle",
    "compare-models": "aet compare-models model.xyz other.xyz",
    "plan": "aet plan Co45Pd38Pt17:5000 --tilts 20,40,60 --dose 2e5,8e5",
    "simulate": "aet simulate model.xyz --pixel-size 0.35 -o projections.mat",
    "precision": "aet precision model.xyz --out precision",
    "score": "aet score model.extxyz truth.xyz",
    "scoreboard": "aet scoreboard --dose 8e5 --dose 2e5 --out scoreboard",
    "validate-model": "aet validate-model particle",
    "validate": "aet validate --sample Ta_film",
    "doctor": "aet doctor",
    "calibrate-scan": "aet calibrate-scan particles.mrc tilts.txt -o scan.json",
    "stability": "aet stability before.dm4 during.dm4 after.dm4",
    "power-spectrum": "aet power-spectrum projections.mat --figures figures",
    "difference-map": "aet difference-map volume.mrc model.xyz -o difference.mrc",
    "structure-factor": "aet structure-factor model.xyz --weights xrays --csv",
    "diffraction": "aet diffraction pattern.dm4 --composition Cu=0.5,Zr=0.5 -o diffraction",
    "video": "aet video model.xyz -o turntable.gif",
    "review": "aet review particle",
    "fsc": "aet fsc half_1.mrc half_2.mrc",
    "challenge list": "aet challenge list",
    "challenge make": "aet challenge make glass-small --out case",
    "challenge score": "aet challenge score case entry.extxyz --truth case_truth",
    "mdb init": "aet mdb init --bank bank.duckdb",
    "mdb deposit": "aet mdb deposit model.xyz --bank bank.duckdb",
    "mdb import": "aet mdb import quench.dump --species Ta --kind md_snapshot --bank bank.duckdb",
    "mdb import-published": "aet mdb import-published --bank bank.duckdb",
    "mdb list": "aet mdb list --bank bank.duckdb",
    "mdb show": "aet mdb show TaXX00001 --bank bank.duckdb",
    "mdb atoms": "aet mdb atoms TaXX00001 --bank bank.duckdb -o atoms.csv",
    "mdb queries": "aet mdb queries",
    "mdb query": "aet mdb query largest-networks --set n=3 --bank bank.duckdb",
    "mdb check": "aet mdb check --bank bank.duckdb",
    "mdb export": "aet mdb export TaXX00001 --bank bank.duckdb -o atoms.extxyz",
    "md potentials": "aet md potentials",
    "md quench": "aet md quench --preset ta-quick --out quench",
    "md analyze": "aet md analyze quench --bank bank.duckdb",
    "md compare": "aet md compare quench --bank bank.duckdb --figures figures",
    "md error-study": "aet md error-study --out cuzr",
    "reference locate": "aet reference locate",
    "reference fetch": "aet reference fetch --only '*Ta_film*'",
    "reference functions": "aet reference functions --status ported",
}


def lay_out(command: Any, group: str) -> None:
    """Group the options of a command, put its example below, and let lines of its text flow.

    Parameters
    ----------
    command
        The command; changed.
    group
        Group of commands that it is in, such as ``mdb``; empty for one of the first level.
    """
    name = f"{group} {command.name}".strip()
    for parameter in command.params:
        if parameter.param_type_name == "option" and parameter.rich_help_panel is None:
            reads = parameter.name == "bank" and group == "mdb" and name not in _DEPOSITING
            parameter.rich_help_panel = "Input" if reads else group_of(parameter.name)
    command.params.sort(key=_place)  # stable: arguments, and options within a group, stay in order
    paragraphs = (command.help or "").split("\n\n")
    command.help = "\n\n".join(" ".join(one.split()) for one in paragraphs)
    example = EXAMPLES.get(name)
    command.epilog = f"Example: {example}" if example else None


def group_of(name: str) -> str:
    """Group of an option by the name of its parameter; that of physics unless it is listed."""
    return _GROUP_OF.get(name, "Physics")


def _place(parameter: Any) -> int:
    panel = getattr(parameter, "rich_help_panel", None)
    return _ORDER.index(panel) + 1 if panel in _ORDER else 0
