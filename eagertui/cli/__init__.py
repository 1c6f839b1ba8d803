"""The command line; one file a verb. Never imports textual."""

from eagertui.cli.parser import main

__all__ = ["main"]
