"""Files of at most 10 MB that want more than a machine has.

`python -m tests.core.data.bombs DIR` reads each as `init` and `check` do, and prints one JSON object: for each file
what was said ("" = it was read) and the seconds of computing, and the peak memory of this process in MB.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from core.data import load_dataset
from core.data.doubts import doubts
from core.data.guess import guess_data
from core.errors import EagerError
from tests.memory import peak_mb

ROWS = "".join(f"u{n % 7},i{n % 11},{1_600_000_000 + n}\n" for n in range(400))
HEADER = "user_id,item_id,timestamp\n"
OBJECTS = "".join(
    json.dumps({"user_id": f"u{n % 7}", "item_id": f"i{n % 11}", "timestamp": 1_600_000_000 + n}) + "\n"
    for n in range(400)
)
DEEP = 100_000


def gzipped(file: Path, start: str, piece: str, megabytes: int) -> None:
    """A text that goes on and on, packed as it is written."""
    with gzip.open(file, "wb", compresslevel=1) as out:
        out.write(start.encode())
        block = (piece * (1 + (1 << 20) // len(piece))).encode()
        for _ in range(megabytes):
            out.write(block)


def many_rows(file: Path) -> None:
    """30 million rows in a few bytes; written by another process, whose memory is no part of the peak."""
    columns = ", ".join(
        f"pl.lit({name[0]!r}).repeat_by(30_000_000).explode().alias({name!r})" for name in ("user_id", "item_id")
    )
    code = f"import polars as pl; pl.LazyFrame({{'n': [0]}}).select({columns}).sink_parquet({str(file)!r})"
    subprocess.run([sys.executable, "-c", code], check=True)


def text(content: str) -> Callable[[Path], object]:
    return lambda file: file.write_text(content)


BOMBS: dict[str, Callable[[Path], object]] = {
    "rows.csv.gz": lambda file: gzipped(file, HEADER, "u1,i1,1600000000\n", 300),
    "one-line.csv.gz": lambda file: gzipped(file, HEADER + "u1,", "x", 450),
    "objects.jsonl.gz": lambda file: gzipped(file, OBJECTS, OBJECTS.split("\n")[0] + "\n", 480),
    "array.json.gz": lambda file: gzipped(file, "[{}", ", {}", 180),
    "rows.parquet": many_rows,
    "a-row-of-fields.csv": text(HEADER + ROWS + "1," * 5_000_000 + "1\n"),
    "a-header-of-fields.csv": text(",".join(f"c{n}" for n in range(120_000)) + "\n" + ROWS),
    "an-object-of-keys.jsonl": text(OBJECTS + json.dumps({f"k{n}": 1 for n in range(60_000)}) + "\n"),
    "a-long-id.csv": text(HEADER + ROWS + "u1," + "x" * 9_000_000 + ",5\n"),
    "quotes.csv": text(HEADER + ROWS + '"' * 9_000_000 + "\n"),
    "nested.jsonl": text(OBJECTS + '{"user_id": "u1", "item_id": ' + '{"a":' * DEEP + "1" + "}" * (DEEP + 1) + "\n"),
    "nested-elsewhere.jsonl": text(OBJECTS + '{"user_id": "u1", "x": ' + "[" * DEEP + "]" * DEEP + "}\n"),
    "nested.json": text("[" * DEEP + "]" * DEEP),
    "nested-dictionary.jsonl": text("{'user_id': " + "[" * DEEP + "]" * DEEP + "}\n"),
}


def read(file: Path) -> str:
    """What `init` and `check` say of a log; empty where they read it."""
    try:
        data = guess_data(file, None, file.parent).data
        load_dataset(data, file.parent)
        doubts(data, file.parent)
    except EagerError as error:
        return str(error)
    return ""


def main(folder: Path) -> dict[str, object]:
    """Write and read them all."""
    said: dict[str, object] = {}
    for name, write in BOMBS.items():
        write(folder / name)
        spent = time.process_time()
        said[name] = read(folder / name)
        said[f"{name}: seconds"] = round(time.process_time() - spent, 1)
        (folder / name).unlink()
    return {**said, "peak": round(peak_mb())}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
