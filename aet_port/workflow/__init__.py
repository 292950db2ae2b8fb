"""Settings, stages, the run folder and the pipelines made of them."""
