"""From counts to atoms: noise, score map, rounds of adding and dropping, evidence for each atom.

:func:`aet_port.detection.loop.detect` is imported from its module, or as ``aet_port.detect``.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
