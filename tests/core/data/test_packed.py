"""Small files that want much memory or time, and packed ones."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.data.packed import check_unpacked_size
from core.data.sniff import sniff
from core.errors import DataError
from tests.core.data.bombs import BOMBS

REFUSED = {
    "rows.csv.gz": "which no log does", "one-line.csv.gz": "which no log does", "objects.jsonl.gz": "which no log does",
    "array.json.gz": "which no log does", "rows.parquet": "which no log does", "nested.json": "none that can be read",
    "a-header-of-fields.csv": "2,000 are the most", "an-object-of-keys.jsonl": "2,000 are the most",
    "nested-dictionary.jsonl": "no line of it is a JSON object",
}  # fmt: skip


def test_no_file_of_ten_megabytes_takes_two_gigabytes_or_a_minute(tmp_path: Path) -> None:
    """In a process of its own, whose memory tells; each is read, or refused in words."""
    argv = [sys.executable, "-m", "tests.core.data.bombs", str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    for name in BOMBS:
        assert bool(said[name]) is (name in REFUSED) and REFUSED.get(name, "") in said[name], (name, said[name])
    assert max(said[f"{name}: seconds"] for name in BOMBS) < 60
    assert said["peak"] < 2000


def test_a_log_that_packs_well_is_read(tmp_path: Path) -> None:
    """Several times smaller, as a sorted log can be."""
    rows = (f"u{n // 50},i{n % 50},{1_600_000_000 + n // 50}\n" for n in range(60_000))
    text = "user_id,item_id,timestamp\n" + "".join(rows)
    file = tmp_path / "log.csv.gz"
    file.write_bytes(gzip.compress(text.encode(), 9))
    assert len(text) > 5 * file.stat().st_size
    assert sniff(file).columns == ("user_id", "item_id", "timestamp")


def test_a_text_of_too_many_rows_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "log.csv.gz"
    file.write_bytes(gzip.compress(b"a\n" * 3_000_000))
    with pytest.raises(DataError, match="unpack it yourself"):
        check_unpacked_size(file, 1, file.stat().st_size)
