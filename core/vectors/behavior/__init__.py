"""Providers of behaviour vectors, one file each; its name is the value of `vectors.behavior`."""
