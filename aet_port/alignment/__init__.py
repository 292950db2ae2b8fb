"""Refinement of tilt angles and image shifts against a volume or atoms."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
