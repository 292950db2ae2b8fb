"""R1 of a run, as it is stored beside its volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aet_port.core.errors import DataFileError
from aet_port.workflow.run_folder import R_FACTORS, RunFolder
from aet_port.workflow.volume_stages import read_r_factors


def test_r_factors_of_something_else(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    path = folder.path(R_FACTORS, 0)
    path.parent.mkdir(parents=True)
    np.savez(path, r1=np.array([[0.25, 0.5]], np.float32))
    np.testing.assert_array_equal(read_r_factors(folder, 0), [[0.25, 0.5]])
    for wrong in (np.array(["text"]), np.array([b"\xff"])):
        np.savez(path, r1=wrong)
        with pytest.raises(DataFileError, match=r"no readable R1.*delete both and use --resume"):
            read_r_factors(folder, 0)
