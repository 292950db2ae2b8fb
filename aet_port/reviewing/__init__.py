"""Looking at every atom: a page in the browser, and the file of what was done there."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
