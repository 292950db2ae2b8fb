"""Speed and memory, always as ratios within one run: machines differ and are shared."""
