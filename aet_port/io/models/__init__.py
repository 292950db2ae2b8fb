"""Atomic models: one reader for all formats that users have, and the formats that are written."""
