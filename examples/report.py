"""
Report on a model
=================

Report on a model of a bank: one HTML page with figures, tables and interactive 3D views.
"""

import aet_port as aet
import mdb
from aet_port.simulation import amorphous_particle

model = amorphous_particle(200, "Ta", seed=1)
with mdb.Bank("report.duckdb") as bank:
    stored = mdb.deposit(bank, model, kind="synthetic", analysis=aet.analyze(model))

page = aet.report("report.duckdb", "report.html", stored.id)  # likewise of a run folder
print(f"{page}: {page.stat().st_size / 1e6:.1f} MB")
model.plot()
