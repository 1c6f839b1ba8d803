"""Measuring: metrics of ranked lists, baselines, and the table that sets them side by side."""
