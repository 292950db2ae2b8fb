"""Protocols of a bank that another program damaged: the named error of the bank."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from md_sim.comparison_choice import run_of_folder
from md_sim.comparison_figures import cooling
from mdb import Bank, BankError, deposit_run
from tests.md_sim.comparison_samples import md_run, quench_folder, thermo


@pytest.mark.parametrize("text", ["[1]", "7", "null", '"text"', "[" * 5000 + "]" * 5000])
def test_a_protocol_that_is_no_record(tmp_path: Path, text: str) -> None:
    path, folder = tmp_path / "some.bank", quench_folder(tmp_path / "quench")
    with Bank(path) as bank:
        run = deposit_run(bank, md_run(thermo=thermo()))
        assert run_of_folder(bank, folder) == run
        assert len(cooling(bank, run)[0])
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE md_run SET protocol = ?", [text])
    with Bank(path, read_only=True) as bank:
        for ask in (lambda: run_of_folder(bank, folder), lambda: cooling(bank, run)):
            with pytest.raises(BankError, match="damaged, or changed by another") as caught:
                ask()
            assert "\n" not in str(caught.value)
            assert str(path) in str(caught.value)
