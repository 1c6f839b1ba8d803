"""Good files with bytes and cells changed at random: what loads is what a small independent reader makes of them."""

from __future__ import annotations

import csv
import json
import random
import re
from collections import Counter
from pathlib import Path

import pytest

from core.data.data_report import DataReport
from core.data.log import LogRows, read_rows
from core.errors import EagerError
from core.settings import DataSettings
from tests.core.data.inputs import LOG, ROWS

USUAL = dict(user="user_id", item="item_id", time="timestamp", max_rejected=1.0)
BYTES = [bytes([n]) for n in b',\n\r;\t\0 x0."\xff{}[]:\\']
CELLS = ["", "nan", "NULL", " 1001 ", "7.0", "x" * 600, "a\x01b", "1600000000000", "\u00e9", "-5", "1e3", "[]", "soon"]
Usable = Counter[tuple[str, str, float]]


def loaded(rows: LogRows) -> Usable:
    """What the product reads: user, item and time of every usable row."""
    return Counter(
        (rows.user_ids[user], rows.item_ids[item], float(order))
        for frame in rows.frames
        for user, item, order in frame.select("user", "item", "order").iter_rows()
    )


# --- the independent reader ------------------------------------------------------------------------------------------


def plain_id(value: object) -> str | None:
    """An id as the documentation says it is read; None where there is none."""
    text = re.sub(r"^(-?(?:0|[1-9]\d*))\.0+$", r"\1", str(value).strip()) if isinstance(value, str | int) else ""
    bad = not text or (text.lower() in ("nan", "null", "[]") and text != "[]") or len(text) > 512
    return None if bad or re.search("[\x00-\x1f\x7f\ufffd]", text) else text


def plain_time(value: object) -> float | None:
    """Seconds since 1970; None where it is no number, or no time between 1980 and 2100: there most of the file is."""
    text = str(value).strip() if isinstance(value, str | int | float) else ""
    number = float(text) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text) else None
    return number if number is not None and 315_532_800 <= number < 4_102_444_800 else None


def usable(user: object, item: object, time: object) -> Usable:
    row = (plain_id(user), plain_id(item), plain_time(time))
    return Counter() if None in row else Counter([row])  # type: ignore[list-item]


def of_csv(content: bytes) -> tuple[Usable, int]:
    """Usable rows, and how many rows there are: every line by itself."""
    header, *lines = content.decode("utf-8", "replace").split("\n")
    names, found, rows = header.split(","), Counter[tuple[str, str, float]](), 0
    for line in lines:
        line = line.rstrip("\r").replace("\r", "\x0b")
        if not line.strip(" \t,"):
            continue
        rows += 1
        try:
            fields = next(csv.reader([line], strict=True))
        except csv.Error:
            continue
        if not any(fields[len(names) :]):
            cells = dict(zip(names, fields, strict=False))
            found += usable(*(cells.get(name, "") for name in ("user_id", "item_id", "timestamp")))
    return found, rows


def of_json(content: bytes) -> tuple[Usable, int]:
    """The same of JSON lines."""
    found, rows = Counter[tuple[str, str, float]](), 0
    for line in content.decode("utf-8", "replace").split("\n"):
        if line.strip():
            rows += 1
            try:
                one = json.loads(line)
            except ValueError:
                continue
            if isinstance(one, dict):
                found += usable(*(one.get(name) for name in ("user_id", "item_id", "timestamp")))
    return found, rows


# --- the mutations ---------------------------------------------------------------------------------------------------


def with_bytes(content: bytes, draw: random.Random) -> bytes:
    """Up to six bytes changed, one quotation mark among them at most, none in the header."""
    first, changed, signs = content.index(b"\n") + 1, bytearray(content), list(BYTES)
    for _ in range(draw.randint(1, 6)):
        sign = draw.choice(signs)
        changed[draw.randrange(first, len(content))] = sign[0]
        if sign == b'"':
            signs.remove(sign)
    return bytes(changed)


def with_cells(draw: random.Random) -> tuple[str, str]:
    """CSV and JSON lines of the same rows, of which a few cells are others."""
    rows = [[row.user, row.item, str(row.rating), str(row.seconds)] for row in ROWS[:150]]
    for _ in range(draw.randint(1, 6)):
        draw.choice(rows)[draw.randrange(4)] = draw.choice(CELLS)
    names = ["user_id", "item_id", "rating", "timestamp"]
    text = ",".join(names) + "\n" + "".join(",".join(row) + "\n" for row in rows)
    return text, "".join(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)


def compare(content: bytes, expected: tuple[Usable, int], folder: Path) -> None:
    (folder / "log").write_bytes(content)
    report = DataReport()
    try:
        rows = read_rows(DataSettings(interactions="log", **USUAL), folder, report)  # type: ignore[arg-type]
    except EagerError as error:
        pytest.fail(f"a few bad cells make the file unreadable: {error}")
    found, count = expected
    assert loaded(rows) == found
    assert report.rows == count
    assert report.rejected_rows == count - sum(found.values())


SMALL = "".join(LOG.splitlines(keepends=True)[:151]).encode()
LINES = "".join(
    json.dumps({"user_id": row.user, "item_id": int(row.item), "rating": row.rating, "timestamp": row.seconds}) + "\n"
    for row in ROWS[:150]
).encode()


@pytest.mark.parametrize("seed", range(25))
def test_changed_bytes_of_csv(tmp_path: Path, seed: int) -> None:
    content = with_bytes(SMALL, random.Random(seed))
    compare(content, of_csv(content), tmp_path)


@pytest.mark.parametrize("seed", range(25))
def test_changed_bytes_of_json_lines(tmp_path: Path, seed: int) -> None:
    content = with_bytes(LINES, random.Random(seed))
    compare(content, of_json(content), tmp_path)


@pytest.mark.parametrize("seed", range(15))
def test_changed_cells(tmp_path: Path, seed: int) -> None:
    text, lines = with_cells(random.Random(seed))
    for content, reader in ((text.encode(), of_csv), (lines.encode(), of_json)):
        compare(content, reader(content), tmp_path)


@pytest.mark.parametrize("seed", range(20))
def test_a_torn_header_or_file_is_an_error_in_words(tmp_path: Path, seed: int) -> None:
    """Bytes anywhere, the header too, and a file that ends anywhere: it loads, or says what is wrong."""
    draw = random.Random(1000 + seed)
    content = bytearray(draw.choice([SMALL, LINES]))
    for _ in range(draw.randint(1, 20)):
        content[draw.randrange(min(len(content), draw.choice([60, 10**6])))] = draw.randrange(256)
    (tmp_path / "log").write_bytes(bytes(content[: draw.randrange(1, len(content))]))
    try:
        read_rows(DataSettings(interactions="log", **USUAL), tmp_path, DataReport())  # type: ignore[arg-type]
    except EagerError as error:
        assert str(error).strip()
