"""What the port is held against: where the published data lie, and the golden outputs."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
