"""New items for a trained run, and items taken out of it: no code moves, and the model stays as it is.

As a library: ``from core import add_items, remove_items``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from core.data.data_report import DataReport
from core.data.ids import two_writings
from core.data.items import ID, open_items, read_items, with_texts
from core.errors import DataError, ProjectError
from core.index.revisions.changes import NEAREST, SCHEMA, Growth, Revision, growing, load_revisions, write_revision
from core.index.table import ItemIndex
from core.project import Project
from core.run.folder import RunFolder
from core.run.reporter import NullReporter, Reporter

TELL_EVERY = 200


def add_items(
    run: RunFolder | Path | str, file: Path | str, vectors: Path | str | None = None, reporter: Reporter | None = None
) -> Revision:
    """Give the new items of a table a code each; the run's model can recommend them at once.

    Every new item gets a free code under its nearest prefix: text by the encoder of the index, behaviour by the mean
    of its ten nearest text neighbours that training has seen, or by the projection of texts that an alignment of the
    behaviour vectors has learnt (`vectors.align`). A removed item that comes again gets its own code back.

    Args:
        run: a run with an index.
        file: an item table in any format that `data.items` may have, with the project's id and text columns.
        vectors: Parquet with `item_id` and `vector`, for a project whose text vectors come from a file.
        reporter: hears the progress; may ask to stop, and then nothing is written.

    Returns:
        What was written; its figures are `rows`, `added`, `known` (skipped), `restored`, `duplicates`, `without_text`,
        and `rejected` by reason.

    Raises:
        ProjectError: no such file or column, no index yet, or no way to read new texts.
        DataError: no usable row, or not enough free codes; nothing is written then.
        EnvironmentFault: the run's folder cannot be written, or the text encoder is not there.
        StopRequested: somebody asked to stop.
    """
    reporter = reporter or NullReporter()
    folder = RunFolder(Path(run)) if not isinstance(run, RunFolder) else run
    project = Project.load(folder.project_path)
    index = _index(folder)
    table, report = _read(project, Path(file))
    with growing(folder):
        growth = _growth(folder, index)
        base = index.item_ids
        back = table.filter(pl.col("item_id").is_in(growth.removed))
        known = pl.concat([base.cast(pl.String), growth.items["item_id"]])
        fresh = table.filter(~pl.col("item_id").is_in(known.implode()))
        _one_writing(known, fresh["item_id"], Path(file))
        rows = pl.concat([_again(back["item_id"], index, growth, removed=False), _placed(
            project, folder, index, growth, fresh, Path(vectors) if vectors else None, reporter
        )])  # fmt: skip
        number = write_revision(folder, rows, index.base_id) if len(rows) else 0
    figures = {
        "rows": report.item_rows,
        "added": len(fresh),
        "known": len(table) - len(fresh) - len(back),
        "restored": len(back),
        "duplicates": report.item_duplicates,
        "without_text": int((fresh["text"] == "").sum()),
        "rejected": report.item_rejected,
    }
    return Revision(number, rows, figures)


def remove_items(run: RunFolder | Path | str, ids: Sequence[str]) -> Revision:
    """Take items out of every list; their codes are not given to others, and histories may still hold them.

    Args:
        run: a run with an index.
        ids: of items of the base or of items that were added.

    Returns:
        What was written; its figures are `removed` and `already` (removed before).

    Raises:
        ProjectError: no index yet.
        DataError: an unknown id, or nothing would be left; nothing is written then.
        EnvironmentFault: the run's folder cannot be written.
    """
    folder = RunFolder(Path(run)) if not isinstance(run, RunFolder) else run
    index = _index(folder)
    wanted = pl.Series("item_id", ids, dtype=pl.String).unique(maintain_order=True)
    with growing(folder):
        growth = _growth(folder, index)
        known = pl.concat([index.item_ids.cast(pl.String), growth.items["item_id"]])
        strange = wanted.filter(~wanted.is_in(known.implode()))
        if len(strange):
            raise DataError(f"no item {strange[0]!r} among the {len(known):,} of this run", "nothing was removed")
        going = wanted.filter(~wanted.is_in(list(growth.removed)))
        if len(going) + len(growth.removed) >= len(known):
            raise DataError("no item would be left to recommend", "nothing was removed")
        rows = _again(going, index, growth, removed=True)
        number = write_revision(folder, rows, index.base_id) if len(rows) else 0
    return Revision(number, rows, {"removed": len(going), "already": len(wanted) - len(going)})


def _index(folder: RunFolder) -> ItemIndex:
    return ItemIndex.load(folder.artefact("index") / "index.parquet")


def _growth(folder: RunFolder, index: ItemIndex) -> Growth:
    growth = load_revisions(folder)
    if growth.number and growth.base_id != index.base_id:
        raise DataError(f"{folder.path / 'revisions'}: added to another index than this run's", "move the files away")
    return growth


def _read(project: Project, file: Path) -> tuple[pl.DataFrame, DataReport]:
    """The table's items with title and text, cleaned as the project's own are, and its own columns; sorted by id.

    Raises:
        ProjectError: no such file or column.
        DataError: unreadable content, or no usable row.
    """
    file, data, report = file.absolute(), project.data, DataReport()
    sources = open_items(file, data, "new items")
    rows = read_items(sources, data.item_key or data.item, 1.0, report)
    if not rows.height:
        raise DataError(f"{file}: no row of it has a usable item id")
    return with_texts(rows.sort(ID), data.text, str(sources[0].path), report), report


def _one_writing(known: pl.Series, fresh: pl.Series, file: Path) -> None:
    """Refuse new items that are the known ones under ids written otherwise.

    Raises:
        DataError: names both writings; nothing is written.
    """
    clash = two_writings(pl.concat([known, fresh]).unique().sort()) if len(fresh) else None
    before = two_writings(known.unique().sort()) if clash is not None else None
    if clash is not None and clash.systematic and (before is None or before.count < clash.count):
        raise DataError(
            f'{file} and this run write item ids in two ways: "{clash.one[:40]}" and "{clash.other[:40]}" '
            f"({clash.count:,} ids)",
            "nothing was added; write the ids as the run's log does",
        )


def _placed(
    project: Project,
    folder: RunFolder,
    index: ItemIndex,
    growth: Growth,
    fresh: pl.DataFrame,
    given: Path | None,
    reporter: Reporter,
) -> pl.DataFrame:
    """Rows of new items, each with its code."""
    from core.index.revisions.embed_new import likes, spaces_of, text_vectors
    from core.index.revisions.free_codes import Places
    from core.vectors import ItemVectors
    from core.vectors.text_projection import FILE

    if not len(fresh):
        return pl.DataFrame(schema=SCHEMA)
    text = text_vectors(project, folder.artefact("data"), _artefact(folder, "semantic"), fresh, given, reporter)
    behavior = _artefact(folder, "behavior")
    learnt = behavior / FILE if behavior and (behavior / FILE).is_file() else None
    spaces, vectors = spaces_of(text, ItemVectors.load(behavior / "vectors.npz") if behavior else None, learnt)
    places = Places(index, growth.codes, spaces)
    codes: list[list[int]] = []
    for row in range(len(fresh)):
        code = places.take({source: matrix[row] for source, matrix in vectors.items()})
        if code is None:
            raise DataError(
                f"the index has room for {row:,} more items, and {len(fresh):,} are new",
                "nothing was added; build a new index with these items, with a larger index.spare or index.depth",
            )
        codes.append(list(code))
        if row % TELL_EVERY == 0 or row == len(fresh) - 1:
            reporter.progress("new items", row + 1, len(fresh), "items")
            reporter.stop_if_asked()
    like, cosines = likes(text)
    new = [
        pl.Series(name, values, dtype=SCHEMA[name])
        for name, values in (("codes", codes), ("like", like), ("cosines", cosines))
    ]
    return fresh.with_columns(*new, pl.lit(False).alias("removed")).select(list(SCHEMA))


def _artefact(folder: RunFolder, stage: str) -> Path | None:
    """A stage's artefact, where the run has it."""
    try:
        return folder.artefact(stage)
    except ProjectError:
        return None


def _again(ids: pl.Series, index: ItemIndex, growth: Growth, removed: bool) -> pl.DataFrame:
    """Rows of items that the run knows already, with the codes they have."""
    every = np.concatenate([index.codes, growth.codes.reshape(-1, index.levels)])
    known = pl.concat([index.item_ids.cast(pl.String), growth.items["item_id"]]).alias("item_id")
    numbers = known.to_frame().with_row_index("row").filter(pl.col("item_id").is_in(ids.implode()))
    codes = pl.Series("codes", every[numbers["row"].to_numpy()].tolist(), dtype=pl.List(pl.Int32))
    same = [pl.col("item_id").alias("title"), pl.lit("").alias("text"), pl.lit(removed).alias("removed")]
    same += [pl.lit([], dtype=kind).alias(name) for name, kind in NEAREST.items()]
    return numbers.with_columns(codes, *same).select(list(SCHEMA))
