"""Voronoi cells, Delaunay tetrahedra and the alpha shape made of them."""
