"""Names of the golden files, and of those that no test compares with.

``python -m tests.matlab_reference.golden_names`` writes their table of checksums anew.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from matlab_reference import golden_path
from matlab_reference.registry import COLUMNS, GOLDEN, GOLDEN_TABLE, git_sha1

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


def checksums(folder: Path) -> str:
    """Text of the table that lists every file of a golden folder."""
    lines = [",".join(COLUMNS)]
    for file in sorted(folder.iterdir()):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        lines.append(f"{GOLDEN},{file.name},{file.stat().st_size},{git_sha1(file)},{digest}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    GOLDEN_TABLE.write_text(checksums(golden_path("manifest.json").parent), encoding="utf-8")
