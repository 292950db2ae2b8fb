"""Voids: the largest empty spheres between the atoms, and the space outside all atoms."""
