"""Limits of numbers that several settings, commands and data types share.

They are far from what a microscope can do, so that no experiment meets them, and close enough that
a slip of the unit or of the keyboard does: a pixel size in metres, one zero too many.
"""

from __future__ import annotations

# Angstrom. Images of atoms have 0.1 to 1, overviews of a grid up to some hundred.
SMALLEST_PIXEL, LARGEST_PIXEL = 0.001, 10_000.0
LARGEST_IMAGE = 100_000  # pixels along one side; cameras have up to 16,384
LARGEST_EXTENT = 1e6  # angstrom, 0.1 mm
LARGEST_DOSE = 1e12  # electrons per square angstrom; specimens stand up to about 1e6
LARGEST_SEED = 2**63 - 1  # a whole number of 64 bits, as TOML, JSON readers and the bank have it
MOST_SYNTHETIC_ATOMS = 1_000_000
LARGEST_TEMPERATURE = 1e6  # kelvin
MOST_PROCESSES = 4096  # of one machine
LARGEST_SCALE = 1e10  # angstrom in a metre
LARGEST_NUMBER = 1_000_000_000  # of an entry in a bank
