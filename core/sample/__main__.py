"""``python -m core.sample OUT_DIR [--seed 0] [--shops]``: write the sample's tables and its best reachable figures."""

import argparse
import json
from pathlib import Path

from core.sample.shop import write, write_shops


def main() -> int:
    """Parse the arguments, write the files, print the best reachable figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m core.sample", description="Write the synthetic bookshop.")
    parser.add_argument("directory", type=Path, metavar="OUT_DIR", help="where the files go; made if it is missing")
    parser.add_argument("--seed", type=int, default=0, help="0 gives the shipped sample (default: %(default)s)")
    parser.add_argument("--shops", action="store_true", help="two shops with the same readers, a project folder each")
    arguments = parser.parse_args()
    if arguments.shops:
        write_shops(arguments.directory, arguments.seed)
        return 0
    print(json.dumps(write(arguments.directory, arguments.seed)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
