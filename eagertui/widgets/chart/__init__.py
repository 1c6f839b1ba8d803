"""Curves and bars drawn in characters."""
