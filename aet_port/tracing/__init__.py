"""From a volume to atoms: local maxima, polynomial fit, species.

:func:`aet_port.tracing.peak_search.trace` is imported from its module, or as ``aet_port.trace``.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
