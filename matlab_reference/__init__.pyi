from .locate import golden_path, locate_reference, resolve_reference

__all__ = ["golden_path", "locate_reference", "resolve_reference"]
