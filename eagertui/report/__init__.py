"""A comparison of runs as one HTML page that needs nothing else."""
