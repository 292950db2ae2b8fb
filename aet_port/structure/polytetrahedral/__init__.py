"""Bipyramids, the networks they form, and how they are joined."""
