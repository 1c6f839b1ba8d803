"""Layouts that are no tables: named in one sentence, and the command that it gives makes a table of them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from core.data.sniff import sniff
from core.errors import DataError

PAIRS = [(u, (u * 7 + n) % 10, n) for u in range(9) for n in range(4)]
BY_USER = {str(u): [item for user, item, _ in PAIRS if user == u] for u in range(9)}
LAYOUTS = {
    "LC-Rec's .inter.json": ("d.inter.json", json.dumps(BY_USER), "a list under every id"),
    "LC-Rec's .inter.json, indented": ("d.inter.json", json.dumps(BY_USER, indent=1), "a list under every id"),
    "LC-Rec's .item.json": (
        "d.item.json", json.dumps({str(n): {"title": f"Thing {n}", "brand": "B"} for n in range(9)}),
        "a record under every id",
    ),
    "array": ("a.json", json.dumps([{"user": u, "item": i} for u, i, _ in PAIRS]), "one JSON array"),
    "array, indented": ("a.json", json.dumps([{"user": u, "item": i} for u, i, _ in PAIRS], indent=2), "JSON array"),
    "Amazon 2014": ("meta.json", "".join(f"{{'asin': 'B{n}', 'title': \"Kid's toy\"}}\n" for n in range(9)),
                    "Python dict"),
    "Steam": ("s.json", "".join(f"{{u'username': u'p{n}', u'ok': True, u'x': None}}\n" for n in range(9)),
              "Python dict"),
    "MovieLens 1M": ("ratings.dat", "".join(f"{u}::{i}::3::97830{n}\n" for u, i, n in PAIRS), "separated by ::"),
    "its movies": (
        "movies.dat", "".join(f"{n}::Toy, Story {n} (1995)::Animation|Comedy\n" for n in range(9)), "separated by ::"
    ),
    "blanks": ("log.txt", "".join(f"{u} {i} {n}\n" for u, i, n in PAIRS), "3 fields are separated by blanks"),
    "sequences": (
        "train.txt", "".join(f"{u} {' '.join(map(str, items[: 2 + int(u) % 3]))}\n" for u, items in BY_USER.items()),
        "one user a line",
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_read_or_named_with_the_way(tmp_path: Path, layout: str) -> None:
    name, text, what = LAYOUTS[layout]
    (tmp_path / name).write_text(text)
    try:
        source = sniff(tmp_path / name)
    except DataError as fault:
        assert str(tmp_path / name) in fault.message and what in fault.message
        command = re.search(r"(?:jq|sed|awk|python3) .*? > [\w.]+", fault.remedy)
        assert command is not None
        if shutil.which(command[0].split()[0]):
            subprocess.run(command[0], shell=True, cwd=tmp_path, check=True, timeout=60)
            turned = sniff(tmp_path / command[0].rpartition("> ")[2])
            assert len(turned.columns) > 1
        return
    assert len(source.columns) > 1 and (source.header_line or "0" not in source.columns)


@pytest.mark.parametrize(
    "text",
    ["user_id,item_id\nu 1,i 2\n", '{"a": [1, 2], "b": [3]}\n{"a": [4], "b": []}\n', "note\nsome words: and more\n",
     '{"user": {"id": 3}, "item": {"id": 4}}\n', "a::b,c\n1,2\n3,4\n"],
)  # fmt: skip
def test_tables_stay_tables(tmp_path: Path, text: str) -> None:
    (tmp_path / "file").write_text(text)
    assert sniff(tmp_path / "file").columns
