"""Losses beside that of the next code; one file each."""
