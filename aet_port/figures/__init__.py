"""Every picture, one module a topic."""
