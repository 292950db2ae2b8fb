"""Outputs of each file of the reference: those recorded, and those deposited with the papers."""

from __future__ import annotations

import functools
from collections import defaultdict

from matlab_reference.functions import FunctionRow, read_functions
from matlab_reference.registry import GOLDEN
from tests.matlab_reference.golden_names import MANIFEST

_FILM = "AET-AmorphousMaterials/7_Data_analysis"
# What the papers' authors wrote with a file of which no output is recorded here.
DEPOSITED = {
    "mg/2_RESIRE_package/Main_RESIRE_sample.m": (
        "AET-MetallicGlass/2_RESIRE_package/output/sample_amorphous_res.mat"
    ),
    "am/7_Data_analysis/Main_1_pdf_and_boo_entire_sample_Ta_film.m": (
        f"{_FILM}/Input/Ta_film/BOO_normalized.mat"
    ),
    "am/7_Data_analysis/Main_1_pdf_and_boo_entire_sample_Pd2_nanoparticle.m": (
        f"{_FILM}/Input/Pd2_nanoparticle/BOO_normalized.mat"
    ),
    "am/7_Data_analysis/Main_3_polytetrahedral_analysis_Ta_film.m": (
        f"{_FILM}/Input/Ta_film/Polytetrahedral_motifs_delta_0.255.mat"
    ),
}
PORTED: list[FunctionRow] = [row for row in read_functions() if row.kind == "ported"]


@functools.cache
def outputs() -> dict[str, set[str]]:
    """Outputs by the name of the row: ``golden/NAME``, or a path of the published data.

    A recorded output is that of every file with the content of the one that was run.
    """
    of_content = defaultdict(set)
    for case in MANIFEST["cases"]:
        of_content[case["function_sha256"]].add(f"{GOLDEN}/{case['file']}")
    result = {row.name: set(of_content[row.sha256]) for row in read_functions()}
    for name, path in DEPOSITED.items():
        result[name].add(path)
    return result
