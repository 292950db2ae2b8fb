"""All figures, one module per topic."""
