"""Plug-ins of another package, one of each kind."""
