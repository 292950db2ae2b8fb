"""One page of a model, to be opened from disk: figures, tables, views that turn."""

import aet_port as aet
import mdb
from aet_port.reporting.bank import read_entry_report
from aet_port.reporting.build import write_report
from aet_port.simulation import amorphous_particle

model = amorphous_particle(200, "Ta", seed=1)
with mdb.Bank("report.duckdb") as bank:
    stored = mdb.deposit(bank, model, kind="synthetic", analysis=aet.analyze(model.atoms))

page = write_report("report.html", read_entry_report("report.duckdb", stored.id))
print(f"{page}: {page.stat().st_size / 1e6:.1f} MB")
