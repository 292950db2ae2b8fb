"""Structure analysis of any ``ase.Atoms``, periodic or not.

Functions named as their module are imported from there, for example
``from aet_port.structure.bonds.orientational import bond_order``.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
