"""Distances: pair distributions, their peaks, densities, structure factors."""
