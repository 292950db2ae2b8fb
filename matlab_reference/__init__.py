"""What the port is held against: where the published data lie, and the golden outputs."""

from matlab_reference.locate import golden_path, locate_reference

__all__ = ["golden_path", "locate_reference"]
