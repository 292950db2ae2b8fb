"""The ground layer: data, errors, geometry, files, checkpoints, threads, progress."""
