"""Finished runs and their baselines side by side, from the ranks that they kept. Light: numpy and polars alone."""
