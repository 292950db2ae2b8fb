"""
Glass paper, Fig. 3g and 4c: medium-range order
===============================================

Sizes of the deposited networks of solute centres, and the pair distribution of the centres in
each kind.
"""

import numpy as np
from matplotlib import pyplot as plt

from aet_port.figures.styles import curves, sizes
from aet_port.structure.medium_range.clusters import centre_distribution
from aet_port.validation.published_mro import deposited_networks
from matlab_reference.locate import locate_reference

centres, found = deposited_networks(locate_reference)
kinds = ("fcc", "hcp", "bcc", "sc")
large = {kind: found.size[(found.lattice == kind) & (found.size >= 5)] for kind in kinds}
print({kind: len(size) for kind, size in large.items()})

_, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
sizes(left, large, "solute centres in a network", "networks")
distributions = {kind: centre_distribution(centres, found, kind) for kind in kinds}
values = {kind: one.density for kind, one in distributions.items()}
r = np.asarray(distributions["fcc"].r)
curves(right, r, values, "distance of centres (angstrom)", "centres per cubic angstrom")
plt.show()
