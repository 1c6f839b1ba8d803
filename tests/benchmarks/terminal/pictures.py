"""The README's pictures, taken from a real run.

    python tests/benchmarks/terminal/pictures.py PROJECT USER [--out FOLDER]

Needs a finished run of the project, better two; writes train.svg, explore.svg (with why), beam.svg and compare.svg, and
with chromium page.png. They show the project's path: put it below HOME, which is drawn as ~.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from eagertui.app import EagerApp
from eagertui.widgets.row_list import RowList

OUT = Path(__file__).parents[3] / "assets" / "screenshots"
SIZE = (120, 34)
PATIENCE = 300.0


async def until(pilot: Pilot[None], there: Callable[[], object]) -> None:
    """Wait for what should appear, then for the frame that shows it."""
    for _ in range(int(PATIENCE / 0.1)):
        if there():
            await pilot.pause(1.5)
            return
        await pilot.pause(0.1)
    raise SystemExit("it did not appear")


async def take(project: Path, user: str, out: Path) -> None:
    """Open the app on the project, go from place to place and save what each shows."""
    out.mkdir(parents=True, exist_ok=True)
    app = EagerApp(project, "home")
    app.animation_level = "none"
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.runs)
        await pilot.press("4")
        await until(pilot, lambda: app.metrics)
        app.save_screenshot("train.svg", str(out))
        await pilot.press("5")
        await until(pilot, lambda: app.serving is not None and app.serving.ready)
        await pilot.press("slash", *user, "enter")
        await until(pilot, lambda: app.screen.has_class("-answered"))
        await until(pilot, lambda: app.screen.query_one("#why-lines").size.height > 20)
        app.save_screenshot("explore.svg", str(out))
        app.screen.query_one("#items").focus()
        await pilot.press("t")
        await until(pilot, lambda: any(lines.size.height > 20 for lines in app.screen.query("#over-lines")))
        app.save_screenshot("beam.svg", str(out))
        await pilot.press("escape", "6")
        await until(pilot, lambda: any(rows.option_count for rows in app.screen.query("#view").results(RowList)))
        app.save_screenshot("compare.svg", str(out))
        if app.serving is not None:
            await app.serving.close()


def page(project: Path, out: Path) -> None:
    """The comparison as a browser shows it."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        print("no chromium: page.png stays as it is")
        return
    with tempfile.TemporaryDirectory() as name:
        html = Path(name) / "page.html"
        command = [sys.executable, "-m", "eagertui.cli", "compare", str(project), "--html", str(html)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        shot = [f"--screenshot={out / 'page.png'}", "--window-size=1280,1400", "--hide-scrollbars", html.as_uri()]
        subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", *shot], check=True, capture_output=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("user")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    asyncio.run(take(args.project, args.user, args.out))
    page(args.project, args.out)
