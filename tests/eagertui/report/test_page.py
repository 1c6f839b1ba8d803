"""The page: whole HTML, the figures of `--json`, nothing that asks anybody, harmless whatever titles hold."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from eagertui.report.page import comparison_page
from tests.eagertui.report.conftest import NASTY

VOID = {"meta", "br", "line", "circle", "polyline"}


class Seen(HTMLParser):
    """What a browser would make of the page: elements, attributes, texts, and whether everything closes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def all(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag]


def test_it_is_whole_html_with_headings_and_captions(made: tuple[dict[str, Any], str]) -> None:
    found, page = made
    seen = Seen(page)
    assert seen.tags.count("h1") == 1 and seen.tags.count("h2") == 6
    assert seen.tags.count("table") == seen.tags.count("caption") == len(seen.all("caption"))
    assert seen.tags.count("svg") == seen.tags.count("title") - 1 == seen.tags.count("desc")
    named = {(tag, name) for tag, name, _ in seen.attributes}
    assert {("html", "lang"), ("svg", "role"), ("svg", "aria-labelledby"), ("th", "scope")} <= named
    ids = [value for _, name, value in seen.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    for _, name, value in seen.attributes:
        if name == "aria-labelledby":
            assert set(value.split()) <= set(ids)
        if name == "href":
            assert value.removeprefix("#") in ids
    assert found["protocol"]["split"] in "".join(seen.all("dd"))


def test_it_asks_nobody_and_runs_nothing(made: tuple[dict[str, Any], str]) -> None:
    page = made[1]
    seen = Seen(page)
    assert not {"script", "img", "link", "iframe", "object", "form", "base"} & set(seen.tags)
    assert not [name for _, name, _ in seen.attributes if name.startswith("on") or name in ("src", "srcset", "action")]
    assert not re.search(r"url\(|@import|javascript:", page)
    policy = next(v for tag, name, v in seen.attributes if tag == "meta" and name == "content" and "default-src" in v)
    assert "default-src 'none'" in policy and "script-src" not in policy
    assert [value for _, name, value in seen.attributes if name == "href" and not value.startswith("#")] == []
    assert "\x1b" not in page and "\u202e" not in page and "<script" not in page


def test_its_figures_are_those_of_json(made: tuple[dict[str, Any], str]) -> None:
    found, page = made
    found = json.loads(json.dumps(found))
    cells = re.findall(r"<tr[^>]*><th scope=\"row\">(.*?)</th>(.*?)</tr>", page)
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for _, row in cells]
    wanted = [row for result in found["results"] for row in result["rows"]]
    for row, drawn in zip(wanted, rows, strict=False):
        gain = row["differences"].get("ndcg@10")
        assert float(drawn[0]) == pytest.approx(row["values"]["ndcg@10"], abs=5e-5)
        assert float(drawn[4]) == pytest.approx(row["values"]["recall@10"], abs=5e-5)
        if gain:
            assert drawn[1] == gain["in_full"]
            figures = [float(text) for text in re.findall(r"[+-]\d?\.\d+", drawn[2])]
            assert figures == pytest.approx([gain["difference"], gain["low"], gain["high"]], abs=5e-5)
        else:
            assert drawn[1] == "reference"
    assert "2 seeds" in page and "recommend.beams" in page


def test_users_are_named_only_where_they_were_asked_for(made: tuple[dict[str, Any], str]) -> None:
    found, page = made
    assert "Users who gained" in page and found["movers"][0]["lost"][0]["user"][:3] in page
    quiet = comparison_page("shop", {key: value for key, value in found.items() if key != "movers"}, {})
    assert "Users who gained" not in quiet and not re.search(r"\bu\d+</", quiet) and "Validation" not in quiet


def test_ten_runs_are_at_most_a_megabyte(made: tuple[dict[str, Any], str]) -> None:
    """Thirty contenders of ten runs, every slice of each, long curves."""
    found = json.loads(json.dumps(made[0]))
    one = found["results"][0]["rows"][0]
    for result in found["results"]:
        result["rows"] = [
            *result["rows"],
            *({**one, "key": f"{n}", "label": f"light {n:04x} model"} for n in range(30)),
        ]
    slices = found["slices"][0]
    found["slices"] = [
        {**slices, "key": f"{n}", "protocol": p["protocol"]} for n in range(14) for p in found["results"]
    ]
    curve = [(step, 0.1 + step % 7 / 100) for step in range(5_000)]
    page = comparison_page("shop", found, {f"2026-01-01-000000_shop_{n:04x}": curve for n in range(10)})
    assert 100_000 < len(page.encode()) < 1_000_000
    Seen(page)


def test_the_page_is_the_same_each_time(made: tuple[dict[str, Any], str], tmp_path: Path) -> None:
    found, page = made
    assert comparison_page(NASTY, found, {}) == comparison_page(NASTY, json.loads(json.dumps(found)), {}) != page
