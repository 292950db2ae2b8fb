"""Bipyramids, their networks and joints."""
