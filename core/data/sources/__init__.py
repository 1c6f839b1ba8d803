"""One file a format, found by listing this folder: how a file is recognised by its content, and how it is read."""
