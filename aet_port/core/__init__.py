"""The lowest layer: data, errors, geometry, files, checkpoints, threads, progress."""
