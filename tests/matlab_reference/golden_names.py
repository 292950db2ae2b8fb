"""Names of the golden files, and of those that no test compares with."""

from __future__ import annotations

import json
from typing import Any

from matlab_reference import golden_path

MANIFEST: dict[str, Any] = json.loads(golden_path("manifest.json").read_text(encoding="utf-8"))
# Outputs of functions that are not ported; the row of each in functions.csv says why.
OF_NO_PORT = {
    "am__BHfactorFit2__random.mat",
    "am__BHfactorFit__direct_sum.mat",
    "am__combvec__vectors.mat",
    "am__gradient_3D_HB_all_Kmeans__two_types_3it.mat",
    "am__gradient_HB_all_Kmeans__two_types_4it.mat",
    "am__gradient_HB_all_Kmeans__two_types_no_reclass.mat",
    "am__gradient_HBconstraint_all_Kmeans__two_types_4it.mat",
    "am__gradient_HBconstraint_all_Kmeans__two_types_no_reclass.mat",
    "am__isface__small_meshes.mat",
    "am__istriequal__permuted_and_different.mat",
    "am__maskrec__basic.mat",
    "am__sortrowstol__tolerances.mat",
}


def listed() -> set[str]:
    """Every file of the golden set but the manifest."""
    return {case["file"] for case in MANIFEST["cases"]} | set(MANIFEST["fixtures"])
