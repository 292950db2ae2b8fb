"""Melt-quench simulations with LAMMPS, analysed by the same structure code as experiments.

The package stands above ``aet_port.structure`` and ``mdb``: it may import both; they never
import it.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
