"""What the film paper states of its quench, beside a folder of one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aet_port.core.errors import DataFileError, InputError
from aet_port.structure import analyze
from aet_port.validation.published_table import compare
from matlab_reference.published import read_published
from md_sim.published_quench import quench_figures
from tests.md_sim.test_study import PROTOCOL, write_quench


def test_the_preset_is_the_papers() -> None:
    published = read_published()
    rows = [compare(published[name], one) for name, one in quench_figures()]
    assert {row.id for row in rows} == {
        *("md.n_atoms", "md.melt_temperature", "md.cooling_rate", "md.final_temperature")
    }
    assert all(row.agrees and "preset" in row.why for row in rows)


def test_a_finished_quench(tmp_path: Path) -> None:
    quench = write_quench(tmp_path / "film")
    found = dict(quench_figures(tmp_path / "film"))
    # Its volume bends there.
    assert found["md.tg"].values == pytest.approx((1500.0,), abs=1.0)
    assert "128 atoms" in found["md.tg"].why
    melt = quench.snapshot(PROTOCOL.snapshot_steps()[0])
    sizes = analyze(melt.atoms).networks[5].size
    expected = [*sizes[:5], 0, 0, 0, 0, 0][:5]
    assert found["md.five_pbn_5200"].values == tuple(map(float, expected))
    assert found["md.five_pbn_5200"].tolerance is None
    assert found["md.n_atoms"].values == (31250.0,)


def test_what_is_no_such_quench(tmp_path: Path) -> None:
    write_quench(tmp_path / "pd", replace(PROTOCOL, element="Pd"))
    with pytest.raises(InputError, match="Pd; expected a quench of Ta"):
        list(quench_figures(tmp_path / "pd"))
    write_quench(tmp_path / "begun", upto=PROTOCOL.melt_steps)
    with pytest.raises(DataFileError, match="continue it with --resume"):
        list(quench_figures(tmp_path / "begun"))
