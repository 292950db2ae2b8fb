"""Melt-quench simulations with LAMMPS, analysed by the same structure code as experiments.

The package stands above ``aet_port.structure`` and ``mdb``: it may import both; they never
import it.
"""
