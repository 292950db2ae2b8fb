"""
Models in a bank
================

Deposit models in a bank; ask it predefined queries and SQL; get atoms back with all results.
"""

import aet_port as aet
import mdb
from aet_port.simulation import amorphous_particle

with mdb.Bank("bank.duckdb") as bank:
    for seed in (1, 2):
        model = amorphous_particle(200, "Ta", seed=seed)
        stored = mdb.deposit(bank, model, kind="synthetic", analysis=aet.analyze(model))
        print(stored.id, "new" if stored.new else "known")

with mdb.Bank("bank.duckdb", read_only=True) as bank:
    for row in bank.query("largest-networks", n=2).to_pylist():
        print(f"{row['model_id']}: a network of {row['size']} bipyramids, {row['atoms']} atoms")
    answer = bank.sql(
        "SELECT model_id, cn, count(*) AS atoms FROM voronoi JOIN analysis USING (analysis_id) "
        "WHERE NOT surface GROUP BY ALL ORDER BY atoms DESC LIMIT 3"
    )
    print(answer.to_pylist())
    atoms = bank.atoms("TaXX00001")  # ase.Atoms
    print(sorted(atoms.arrays))
model.plot()
