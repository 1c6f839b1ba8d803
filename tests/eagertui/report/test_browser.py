"""The page in a real browser: its figures, its width on a phone, no error of a script, nobody who is asked."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.eagertui.report.conftest import NASTY

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
PHONE, DESK = 390, 1280
HARNESS = """<!doctype html><meta charset="utf-8"><img src="http://canary.example/">
<iframe src="page.html" style="width:%dpx;height:900px;border:0"></iframe>
<pre id="seen"></pre><script>onload = () => {
  const page = document.querySelector("iframe").contentDocument, all = what => [...page.querySelectorAll(what)];
  document.getElementById("seen").textContent = JSON.stringify({
    wide: page.documentElement.scrollWidth, title: page.title, heads: all("h1, h2").map(one => one.innerText),
    tables: all("table").length, captions: all("caption").length, charts: all("svg[role=img]").length,
    words: all("svg desc").filter(one => one.textContent.length > 20).length,
    foreign: all("script, img, link, iframe, object").length,
    rows: all("tr:has(th[scope=row])").map(row => [...row.children].map(cell => cell.textContent)),
  });
}</script>
"""
"""Looks at our page from outside, for ours has no script; the frame is as wide as a phone, or as a desk's screen."""

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium here")


def looked_at(page: str, width: int, folder: Path) -> tuple[dict[str, Any], str, str]:
    """What a browser made of the page, what it said, and what its network log holds."""
    (folder / "page.html").write_text(page, encoding="utf-8")
    (folder / "harness.html").write_text(HARNESS % width, encoding="utf-8")
    log = folder / "net.json"
    quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    done = subprocess.run(
        [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", *quiet, "--allow-file-access-from-files",
         "--enable-logging=stderr", f"--log-net-log={log}", f"--user-data-dir={folder / 'profile'}",
         "--virtual-time-budget=5000", "--dump-dom", (folder / "harness.html").as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    seen = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.DOTALL)
    assert seen is not None, done.stdout[-500:]
    return json.loads(html.unescape(seen[1])), done.stderr, log.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_a_browser_shows_the_figures_and_asks_nobody(
    made: tuple[dict[str, Any], str], width: int, tmp_path: Path
) -> None:
    found, page = made
    seen, said, net = looked_at(page, width, tmp_path)
    assert "CONSOLE" not in said and seen["foreign"] == 0
    assert "canary.example" in net  # a request would be seen
    assert "evil.example" not in net
    assert seen["wide"] <= width  # a wide table scrolls by itself
    assert seen["tables"] == seen["captions"] and seen["charts"] == seen["words"] > 0 and len(seen["heads"]) == 7
    assert NASTY[:16] in seen["title"]  # text, whatever it holds
    wanted = [row for result in found["results"] for row in result["rows"]]
    for row, (_, value, word, *_rest) in zip(wanted, seen["rows"], strict=False):
        gain = row["differences"].get("ndcg@10")
        assert float(value) == pytest.approx(row["values"]["ndcg@10"], abs=5e-5)
        assert word == (gain["in_full"] if gain else "reference")
