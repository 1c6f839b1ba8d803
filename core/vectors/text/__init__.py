"""Providers of text vectors, one file each; its name is the value of `vectors.semantic`."""
