"""Tilt angles and image shifts, refined against a volume or against atoms."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
