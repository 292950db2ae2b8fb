"""Refinement of heights, B' and positions of a model against the projections."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
