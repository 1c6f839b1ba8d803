"""The README's pictures, taken from a real run: `python tests/benchmarks/pictures.py PROJECT USER`.

Needs a finished run of the project; writes assets/screenshots/train.svg and explore.svg.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from eagertui.app import EagerApp

OUT = Path(__file__).parents[2] / "assets" / "screenshots"
SIZE = (100, 28)


async def take(project: Path, user: str) -> None:
    """Open the app on the project and save what the two places show."""
    OUT.mkdir(parents=True, exist_ok=True)
    app = EagerApp(project, "train")
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(3.0)
        app.save_screenshot("train.svg", str(OUT))
        await pilot.press("3")
        await pilot.pause(20.0)  # the serving child loads the model
        await pilot.press(*user, "enter")
        await pilot.pause(5.0)
        app.save_screenshot("explore.svg", str(OUT))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("user")
    args = parser.parse_args()
    asyncio.run(take(args.project, args.user))
