"""The Index place: the tree of codes."""
