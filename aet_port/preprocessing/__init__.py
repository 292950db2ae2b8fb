"""From raw frames to a clean tilt series."""
