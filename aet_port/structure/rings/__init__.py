"""Rings of bonds: shortest-path rings of King and primitive rings."""
