"""``python -m eagertui.cli``: the same as the command `eagertui`."""

import sys

from eagertui.cli import main

if __name__ == "__main__":
    sys.exit(main())
