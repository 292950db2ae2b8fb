"""Bonds: orientational order, nuclei, angles, chemical short-range order."""
