"""The training loop and its tools, for every room that learns."""
