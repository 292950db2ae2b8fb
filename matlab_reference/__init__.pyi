from .locate import golden_path as golden_path
from .locate import locate_reference as locate_reference

__all__ = ["golden_path", "locate_reference"]
