"""From the image of a diffraction pattern to structure factor and pair distribution."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
