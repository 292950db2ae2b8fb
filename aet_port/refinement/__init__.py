"""From a classified model to a refined one: heights, B' and positions against the projections."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
