"""Item indices in and out: LC-Rec's `.index.json` of any depth, and Parquet.

LC-Rec's file (arXiv 2311.09049; its released `index/generate_indices.py` writes it) is one JSON object, from an item to
its tokens: `{"0": ["<a_70>", "<b_138>", ...], ...}`. What was read is kept as it is, byte for byte; where items share a
code, conflicts are settled beside it.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import DataError, EnvironmentFault, ProjectError
from core.files import written_whole
from core.index.exchange.code_files import WIDTHS, many, read_json, read_parquet
from core.index.exchange.numbering import names_of_keys
from core.index.table import ItemIndex
from core.index.tokens import token

Int32 = npt.NDArray[np.int32]

WIDEST = 1 << 20
"""Codes of a level at most: the language model gets a token for each."""
IMPORTED = "imported"
"""Name, without suffix, of the copy of an imported file that an index artefact keeps."""


@dataclass(frozen=True)
class Imported:
    """Codes that were made elsewhere.

    Attributes:
        codes: as they are in the file, in the order of our items; equal rows are allowed; shape (items, levels).
        widths: codes at each level: those the file tells, or the next power of two that holds all that are used.
        format: `LC-Rec` or `Parquet`.
    """

    codes: Int32
    widths: tuple[int, ...]
    format: str


def read_index(path: Path, item_ids: pl.Series) -> Imported:
    """Read a file of codes; what it is, its content tells.

    Args:
        path: LC-Rec's JSON, Parquet with `item_id` and `codes` (a list) or one column of numbers a level.
        item_ids: id of every item number; the file must have a code for each, and none for others.

    Raises:
        ProjectError: there is no such file.
        DataError: it is no index, or its items are not ours; says how many and which.
    """
    try:
        with path.open("rb") as file:
            parquet = file.read(4) == b"PAR1"
    except OSError as error:
        raise ProjectError(f"{path}: cannot be read ({error.strerror})", "check the path") from error
    keys, rows, widths = read_parquet(path) if parquet else read_json(path)
    codes = _in_our_order(path, keys, rows, item_ids)
    if len(codes) and (codes.min() < 0 or codes.max() >= WIDEST):
        raise DataError(f"{path}: a code lies outside 0 ... {WIDEST - 1:,}: {int(codes.min())} ... {int(codes.max())}")
    used = codes.max(axis=0, initial=0) + 1
    if len(widths) != codes.shape[1] or (used > np.array(widths)).any():
        widths = tuple(1 << max(int(count) - 1, 1).bit_length() for count in used)
    return Imported(codes.astype(np.int32), widths, "Parquet" if parquet else "LC-Rec")


def write_index(item_ids: pl.Series, codes: Int32, path: Path, widths: Sequence[int] = ()) -> None:
    """Write codes into a file; its format is that of its suffix.

    Args:
        item_ids: id of every item number.
        codes: shape (items, levels).
        path: `.json` is LC-Rec's format with our ids as keys, `.parquet` has `item_id` and `codes`.
        widths: codes at each level, kept in the Parquet file.

    Raises:
        ProjectError: another suffix.
        EnvironmentFault: it cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix == ".json":
        tokens = (
            [token(level, int(code)) for level, code in enumerate(row)] for row in codes
        )  # as Python's json writes it, which is how LC-Rec's files are made
        _write(path, json.dumps(dict(zip(item_ids.to_list(), tokens, strict=True))).encode())
    elif suffix == ".parquet":
        content = io.BytesIO()
        rows = pl.Series("codes", np.asarray(codes, dtype=np.int32)).cast(pl.List(pl.Int32))
        about = {WIDTHS: ",".join(map(str, widths))} if widths else {}
        pl.DataFrame([item_ids.alias("item_id"), rows]).write_parquet(content, metadata=about)
        _write(path, content.getvalue())
    else:
        raise ProjectError(
            f"{path}: no format has the suffix {suffix!r}", "LC-Rec's is .index.json, the other .parquet"
        )


def export_index(folder: Path, path: Path, raw: bool = False) -> None:
    """Write an index artefact's codes into a file.

    Args:
        folder: the artefact of the stage `index`.
        path: see `write_index`.
        raw: the codes as they were before conflicts were settled; of an imported index its own bytes, where the format
            is the same.

    Raises:
        ProjectError: an unknown suffix.
        DataError: the artefact is damaged, or keeps no raw codes.
        EnvironmentFault: the file cannot be written.
    """
    index = ItemIndex.load(folder / "index.parquet")
    if not raw:
        write_index(index.item_ids, index.codes, path, index.widths)
        return
    kept = folder / (IMPORTED + path.suffix.lower())
    if kept.is_file():
        _write(path, kept.read_bytes())
        return
    try:
        codes = np.load(folder / "raw.npy", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{folder}: the raw codes cannot be read ({error})", "build the index again") from error
    write_index(index.item_ids, codes, path, index.widths[: codes.shape[1]])


def keep_import(path: Path, folder: Path) -> None:
    """Keep a copy of an imported file in an index artefact, under the suffix of its content."""
    with path.open("rb") as file:
        suffix = ".parquet" if file.read(4) == b"PAR1" else ".json"
    shutil.copyfile(path, folder / (IMPORTED + suffix))


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise EnvironmentFault(f"{path}: cannot be written ({error.strerror})") from error


def _in_our_order(path: Path, keys: list[str], rows: list[list[int]], item_ids: pl.Series) -> npt.NDArray[np.int64]:
    """The codes of our items."""
    ours = item_ids.to_list()
    names = names_of_keys(path, keys, ours)
    place: dict[str, int] = {}
    twice = []
    for number, key in enumerate(keys):
        if place.setdefault(names[key], number) != number:
            twice.append(names[key])
    if twice:
        raise DataError(f"{path}: {many(twice, 'item')} twice")
    if missing := [item for item in ours if item not in place]:
        raise DataError(
            f"{path}: {many(missing, 'item')} of the catalogue without a code",
            "an index names every item that is ranked",
        )
    if unknown := sorted(place.keys() - set(ours)):
        raise DataError(
            f"{path}: {many(unknown, 'item')} not in the catalogue",
            "items without interactions are ranked with data.catalogue, see also data.min_item_interactions",
        )
    return np.array([rows[place[item]] for item in ours], dtype=np.int64)
