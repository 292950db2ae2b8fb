"""Atomic electron tomography: from a tilt series to atoms, their structure and a SQL bank."""

import lazy_loader as lazy

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
