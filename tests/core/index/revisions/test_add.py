"""Items added to a trained run and taken out of it: codes, revisions, bad input, and what happens at the same time."""

from __future__ import annotations

import json
import multiprocessing
import resource
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import DataError, EnvironmentFault, ProjectError, StopRequested
from core.index.build import centred
from core.index.revisions.add import add_items, remove_items
from core.index.revisions.changes import load_revisions
from core.index.revisions.embed_new import behaviour_estimates
from core.index.revisions.free_codes import Places, Space
from core.index.table import ItemIndex
from core.project import Project
from core.run.folder import RunFolder
from core.run.reporter import NullReporter
from core.vectors.text_encoder import encoder_vectors
from core.vectors.text_projection import FILE as PROJECTION
from tests.core.engine_tools import N_ITEMS, StopAfter, copied_run, item_ids, small_index
from tests.core.vectors.test_text_vectors import encoder


@pytest.fixture
def run(trained: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of the trained run."""
    return copied_run(trained, tmp_path / "runs")


@pytest.fixture
def roomy(world: Path) -> RunFolder:
    """A run that ends with its index, in which items share their codes: there is room for many more."""
    from core.jobs.work import train_run

    project = Project.load(world, ["run.goal=index", "index.conflicts=matching"])
    folder = RunFolder.create(project.runs_dir, project.to_toml(), project.name)
    assert train_run(folder) == 0, folder.status().error
    return folder


def table(folder: Path, ids: Sequence[Any], kinds: Sequence[str] = ("amber",), name: str = "new.parquet") -> Path:
    """An item table in the words of the small world."""
    kind = [kinds[n % len(kinds)] for n in range(len(ids))]
    rows = {
        "item_id": list(ids),
        "title": [f"The {one} book, part {n + 70}" for n, one in enumerate(kind)],
        "blurb": [f"A tale of {one} and {one} weather" for one in kind],
    }
    path = folder / name
    if path.suffix == ".csv":
        pl.DataFrame(rows).write_csv(path)
    elif path.suffix == ".jsonl":
        pl.DataFrame(rows).write_ndjson(path)
    else:
        pl.DataFrame(rows).write_parquet(path)
    return path


def index_of(run: RunFolder) -> ItemIndex:
    return ItemIndex.load(run.artefact("index") / "index.parquet")


def files(run: RunFolder) -> list[str]:
    return sorted(path.name for path in (run.path / "revisions").iterdir())


def test_new_items_get_free_codes_and_nothing_moves(run: RunFolder, tmp_path: Path) -> None:
    before = {p.name: p.read_bytes() for p in run.artefact("index").iterdir() if p.is_file()}
    index = index_of(run)
    done = add_items(run, table(tmp_path, ["n1", "n2", "i03", "n3"], ["amber", "ember"]))
    assert done.number == 1 and done.figures["added"] == 3 and done.figures["known"] == 1
    assert done.figures["rejected"] == {} and done.items["item_id"].to_list() == ["n1", "n2", "n3"]
    growth = load_revisions(run)
    assert growth.number == 1 and growth.base_id == index.base_id and not growth.removed
    assert growth.items["title"].to_list()[0] == "The amber book, part 70"
    assert done.items["codes"].to_list() == growth.codes.tolist()
    every = np.concatenate([index.codes, growth.codes])
    assert len(np.unique(every, axis=0)) == len(index.codes) + 3
    assert (growth.codes < np.array(index.widths)).all()
    assert set(growth.codes[:, 0]) <= set(index.codes[:, 0])
    assert {p.name: p.read_bytes() for p in run.artefact("index").iterdir() if p.is_file()} == before


def test_a_new_item_lies_among_its_like(run: RunFolder, tmp_path: Path) -> None:
    """The text of a kind leads to a first branch in which that kind lives."""
    index = index_of(run)
    text = {f"i{n:02}": n * 5 // N_ITEMS for n in range(N_ITEMS)}
    kinds = ("amber", "birch", "coral", "dusk", "ember")
    done = add_items(run, table(tmp_path, [f"n{n}" for n in range(5)], kinds))
    for row, code in zip(range(5), done.items["codes"].to_list(), strict=True):
        there = [text[item] for item, own in zip(index.item_ids, index.codes, strict=True) if own[0] == code[0]]
        assert np.bincount(there, minlength=5).argmax() == row


@pytest.mark.parametrize("name", ["new.csv", "new.jsonl", "new.parquet"])
def test_the_format_does_not_matter(run: RunFolder, tmp_path: Path, name: str) -> None:
    done = add_items(run, table(tmp_path, ["x1", "x2"], name=name))
    assert done.items["item_id"].to_list() == ["x1", "x2"]
    again = add_items(run, table(tmp_path, ["x1", "x2"], name=name))
    assert again.number == 0 and again.figures["known"] == 2 and files(run) == ["0001.parquet"]


def test_the_same_file_gives_the_same_revision(run: RunFolder, trained: RunFolder, tmp_path: Path) -> None:
    other = copied_run(trained, tmp_path / "other")
    file = table(tmp_path, ["n1", "n2", "n3"], ["dusk", "coral"])
    add_items(run, file)
    shuffled = pl.read_parquet(file).sample(fraction=1.0, shuffle=True, seed=3)
    shuffled.write_parquet(tmp_path / "shuffled.parquet")
    add_items(other.path, str(tmp_path / "shuffled.parquet"))
    one, two = ((folder / "revisions" / "0001.parquet").read_bytes() for folder in (run.path, other.path))
    assert one == two


def test_bad_rows_are_told_and_duplicates_count_once(run: RunFolder, tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    long = "x" * 600
    path.write_text(
        f"item_id,title,blurb\nn1,The amber book,a\n,no id,b\nn1,The amber book again,c\n{long},long,d\nn2,,\n"
    )
    done = add_items(run, path)
    assert done.figures["rejected"] == {"no item id": 1, "item id longer than 512 characters": 1}
    assert done.figures["duplicates"] == 1 and done.figures["without_text"] == 1 and done.figures["rows"] == 5
    assert dict(done.items.select("item_id", "title").iter_rows()) == {"n1": "The amber book", "n2": "n2"}
    assert done.to_dict()["added"] == 2 and json.dumps(done.to_dict())


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        ("item_id,title\nn1,x\n", ProjectError, "blurb"),
        ("id,title,blurb\nn1,x,y\n", ProjectError, "item_id"),
        ("item_id,title,blurb\n,x,y\n", DataError, "usable item id"),
        ("", DataError, "empty"),
        (None, ProjectError, "no file"),
    ],
)
def test_unusable_files_leave_nothing(
    run: RunFolder, tmp_path: Path, content: str | None, error: type[Exception], says: str
) -> None:
    path = tmp_path / "new.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(error, match=says):
        add_items(run, path)
    assert not (run.path / "revisions").exists() or not files(run)


def test_a_full_index_refuses_all_of_them(roomy: RunFolder, tmp_path: Path) -> None:
    run, index = roomy, index_of(roomy)
    room = len(np.unique(index.codes[:, :-1], axis=0)) * index.widths[-1] - len(index.codes)
    with pytest.raises(DataError, match=f"room for {room} more items, and {room + 1} are new"):
        add_items(run, table(tmp_path, [f"n{n:04}" for n in range(room + 1)]))
    assert not files(run)
    done = add_items(run, table(tmp_path, [f"n{n:04}" for n in range(room)]))
    every = np.concatenate([index.codes, np.array(done.items["codes"].to_list())])
    assert len(np.unique(every, axis=0)) == len(every)
    with pytest.raises(DataError, match="room for 0 more"):
        add_items(run, table(tmp_path, ["one too many"]))


def test_the_known_items_of_like_text_are_kept_with_it(run: RunFolder, tmp_path: Path) -> None:
    """In the order of their cosines; none without a text, and none in revisions of before."""
    known = pl.read_parquet(run.artefact("data") / "items.parquet")
    twin = known.with_row_index("number").filter(pl.col("text") != "").row(5, named=True)
    file = tmp_path / "new.parquet"
    words = twin["text"].removeprefix(twin["title"]).strip(" .,\n")
    rows = {"item_id": ["twin", "bare"], "title": [twin["title"], None], "blurb": [words, None]}
    pl.DataFrame(rows).write_parquet(file)
    add_items(run, file)
    growth = load_revisions(run)
    of = dict(zip(growth.items["item_id"], zip(growth.like, growth.cosines, strict=True), strict=True))
    like, cosines = of["twin"]
    texts = known["text"].to_list()
    assert texts[like[0]][:14] == twin["text"][:14] and cosines[0] == pytest.approx(1, abs=1e-3)
    assert len(like) == 8 and list(cosines) == sorted(cosines, reverse=True) and of["bare"] == ((), ())
    path = next((run.path / "revisions").glob("*.parquet"))
    older, about = pl.read_parquet(path).drop("like", "cosines"), pl.read_parquet_metadata(path)
    older.write_parquet(path, metadata={"eagertui.base_id": about["eagertui.base_id"]})
    assert load_revisions(run).like == ((), ()) and load_revisions(run).codes.tolist() == growth.codes.tolist()


def test_removing_and_restoring(roomy: RunFolder, tmp_path: Path) -> None:
    index = index_of(roomy)
    first = add_items(roomy, table(tmp_path, ["n1", "n2"]))
    gone = remove_items(roomy, ["n1", "i05", "n1"])
    assert gone.number == 2 and gone.figures == {"removed": 2, "already": 0}
    assert load_revisions(roomy).removed == {"n1", "i05"}
    assert remove_items(roomy, ["i05"]).to_dict() == {"revision": 0, "removed": 0, "already": 1}
    # The codes of removed items are not given away.
    later = add_items(roomy, table(tmp_path, [f"m{n}" for n in range(30)]))
    every = [tuple(code) for code in (*index.codes.tolist(), *first.items["codes"], *later.items["codes"])]
    assert len(set(every)) == len(every)
    back = add_items(roomy, table(tmp_path, ["n1", "i05", "i06"]))
    assert back.figures["restored"] == 2 and back.figures["added"] == 0 and back.figures["known"] == 1
    own = dict(zip(back.items["item_id"], back.items["codes"].to_list(), strict=True))
    assert own["n1"] == first.items["codes"].to_list()[0]
    assert own["i05"] == index.codes[index.item_ids.to_list().index("i05")].tolist()
    growth = load_revisions(roomy)
    assert growth.number == 4 and not growth.removed and growth.items["item_id"].to_list()[:2] == ["n1", "n2"]
    assert len(growth.items) == len(growth.codes) == 32 and "i05" not in growth.items["item_id"]


def test_unknown_items_and_everything_are_not_removed(run: RunFolder) -> None:
    with pytest.raises(DataError, match="'nobody'"):
        remove_items(run, ["i01", "nobody"])
    with pytest.raises(DataError, match="no item would be left"):
        remove_items(run, [f"i{n:02}" for n in range(N_ITEMS)])
    assert not files(run)


def test_an_interrupted_add_leaves_nothing(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(StopRequested):
        add_items(run, table(tmp_path, ["n1"]), reporter=StopAfter(1))
    (run.path / "revisions" / ".0001.new").write_bytes(b"half")
    assert load_revisions(run).number == 0
    assert add_items(run, table(tmp_path, ["n1"])).number == 1
    assert files(run) == ["0001.parquet"]


def _remove_on_a_full_disk(run: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
    with pytest.raises(EnvironmentFault, match="no space left"):
        remove_items(run, ["i01"])


def test_a_full_disk_leaves_nothing_behind(run: RunFolder) -> None:
    child = multiprocessing.get_context("spawn").Process(target=_remove_on_a_full_disk, args=(run.path,))
    child.start()
    child.join(120)
    assert child.exitcode == 0 and not files(run)
    assert remove_items(run, ["i01"]).number == 1
    growth = load_revisions(run)  # of which nothing was ever added
    assert len(growth.items) == len(growth.codes) == 0 and growth.removed == {"i01"}


def _add(run: Path, file: Path, barrier: Any) -> None:
    barrier.wait(60)
    add_items(run, file)


def test_adding_at_the_same_time(roomy: RunFolder, tmp_path: Path) -> None:
    """Three processes add overlapping items of one kind: every item once, every code once."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    children = [
        context.Process(target=_add, args=(roomy.path, file, barrier))
        for file in (table(tmp_path, [f"n{n}" for n in range(k, k + 8)], name=f"{k}.csv") for k in (0, 4, 8))
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(120)
    assert [child.exitcode for child in children] == [0, 0, 0]
    growth = load_revisions(roomy)
    assert growth.number in (2, 3)  # the middle one may come last and find nothing new
    assert sorted(growth.items["item_id"]) == sorted(f"n{n}" for n in range(16))
    every = np.concatenate([index_of(roomy).codes, growth.codes])
    assert len(np.unique(every, axis=0)) == len(every)


def test_damaged_revisions_are_refused(run: RunFolder, tmp_path: Path) -> None:
    for name in ("n1", "n2"):
        add_items(run, table(tmp_path, [name]))
    folder = run.path / "revisions"
    good = (folder / "0001.parquet").read_bytes()
    (folder / "0001.parquet").write_bytes(good[:-40])
    with pytest.raises(DataError, match=r"0001\.parquet"):
        load_revisions(run)
    pl.read_parquet(folder / "0002.parquet").write_parquet(folder / "0001.parquet", metadata={"eagertui.base_id": "x"})
    with pytest.raises(DataError, match=r"0002\.parquet"):
        add_items(run, table(tmp_path, ["n3"]))
    (folder / "0001.parquet").unlink()
    with pytest.raises(DataError, match="no revision 0001"):
        load_revisions(run)
    (folder / "0002.parquet").rename(folder / "0001.parquet")
    assert load_revisions(run).items["item_id"].to_list() == ["n2"]
    pl.read_parquet(folder / "0001.parquet").write_parquet(folder / "0001.parquet", metadata={"eagertui.base_id": "x"})
    with pytest.raises(DataError, match="another index"):
        add_items(run, table(tmp_path, ["n3"]))


def test_a_folder_that_cannot_be_written(run: RunFolder, tmp_path: Path) -> None:
    (run.path / "revisions").write_text("in the way")
    with pytest.raises(EnvironmentFault, match="revisions"):
        add_items(run, table(tmp_path, ["n1"]))


def set_in(run: RunFolder, old: str, new: str) -> None:
    text = run.project_path.read_text(encoding="utf-8")
    assert old in text
    run.project_path.write_text(text.replace(old, new), encoding="utf-8")


def test_vectors_from_a_file(run: RunFolder, tmp_path: Path) -> None:
    set_in(run, 'semantic = "lsa"', 'semantic = "file:vectors.parquet"')
    new = table(tmp_path, ["n1", "n2"])
    with pytest.raises(ProjectError, match="vectors") as told:
        add_items(run, new)
    assert "--vectors" in told.value.remedy
    index = index_of(run)
    with np.load(run.artefact("semantic") / "vectors.npz") as held:
        own = held["matrix"]
    like = index.item_ids.to_list().index("i20")
    given = tmp_path / "given.parquet"
    pl.DataFrame({"item_id": ["n1"], "vector": [own[like].tolist()]}).write_parquet(given)
    done = add_items(run, new, vectors=given)
    codes = dict(zip(done.items["item_id"], done.items["codes"].to_list(), strict=True))
    means = {c: centred(own)[index.codes[:, 0] == c].mean(axis=0) for c in set(index.codes[:, 0].tolist())}
    nearest = min(means, key=lambda c: float(np.square(centred(own)[like] - means[c]).sum()))
    assert codes["n1"][0] == nearest and len(codes) == 2
    pl.DataFrame({"item_id": ["n3"], "vector": [[1.0, 2.0]]}).write_parquet(given)
    with pytest.raises(ProjectError, match="width 2"):
        add_items(run, table(tmp_path, ["n3"]), vectors=given)
    set_in(run, 'semantic = "file:vectors.parquet"', 'semantic = "lsa"')
    with pytest.raises(ProjectError, match="leave"):
        add_items(run, table(tmp_path, ["n3"]), vectors=given)


def test_texts_read_by_an_encoder(run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder in the folder reads base and new texts; a new item with the text of an old one joins it."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    set_in(run, 'semantic = "lsa"', f'semantic = "hf:{encoder(tmp_path / "encoder", "bert")}"')
    (run.path / "stages" / "semantic.json").unlink()
    (run.artefact("behavior") / PROJECTION).unlink()  # it was learnt from other texts
    items = pl.read_parquet(run.artefact("data") / "items.parquet")
    told = items.filter(pl.col("item_id") == "i20").select(pl.lit("n1").alias("item_id"), "title", "blurb")
    told.write_parquet(tmp_path / "new.parquet")
    code = add_items(run, tmp_path / "new.parquet").items["codes"].to_list()[0]
    index = index_of(run)
    held = encoder_vectors(items["text"].to_list(), str(tmp_path / "encoder"), "fp32", "cpu", NullReporter())
    own = centred(held.matrix)
    means = {c: own[index.codes[:, 0] == c].mean(axis=0) for c in set(index.codes[:, 0].tolist())}
    assert code[0] == min(means, key=lambda c: float(np.square(own[20] - means[c]).sum()))
    shutil.rmtree(tmp_path / "encoder")
    with pytest.raises(EnvironmentFault, match="encoder"):
        add_items(run, table(tmp_path, ["n2"]))
    assert files(run) == ["0001.parquet"]


def test_a_run_without_texts_says_so(run: RunFolder, tmp_path: Path) -> None:
    set_in(run, 'semantic = "lsa"', 'semantic = "none"')
    with pytest.raises(ProjectError, match="knows no texts"):
        add_items(run, table(tmp_path, ["n1"]))


@pytest.mark.parametrize("without", [("semantic",), ("behavior",), ("semantic", "behavior")])
def test_runs_that_made_fewer_vectors(run: RunFolder, tmp_path: Path, without: tuple[str, ...]) -> None:
    """An index of behaviour alone or of random codes: the texts are read now, as they would have been then."""
    whole = add_items(run, table(tmp_path, ["n1", "n2"], ["dusk", "birch"]))
    shutil.rmtree(run.path / "revisions")
    for stage in without:
        (run.path / "stages" / f"{stage}.json").unlink()
    done = add_items(run, table(tmp_path, ["n1", "n2"], ["dusk", "birch"]))
    if "behavior" not in without:
        assert done.items["codes"].to_list() == whole.items["codes"].to_list()
    assert len(done.items) == 2


def spaces(rows: int, dims: tuple[int, int], seed: int) -> dict[str, Space]:
    rng = np.random.default_rng(seed)
    matrices = [rng.normal(size=(rows, dim)).astype(np.float32) for dim in dims]
    return {name: Space.of(matrix) for name, matrix in zip(("semantic", "behavior"), matrices, strict=True)}


def test_a_space_is_the_one_that_the_index_was_built_in() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(50, 6)).astype(np.float32)
    matrix[7] = 0
    space = Space.of(matrix)
    assert space.unit(np.arange(50)) - space.mean == pytest.approx(centred(matrix), abs=1e-6)
    assert space.centred(matrix[:5]) == pytest.approx(centred(matrix)[:5], abs=1e-6)
    members, bounds = np.array([4, 9, 1, 30]), np.array([0, 3, 4])
    expected = np.stack([centred(matrix)[[4, 9, 1]].mean(axis=0), centred(matrix)[30]])
    assert space.means(members, bounds) == pytest.approx(expected, abs=1e-6)


def test_the_behaviour_half_is_the_mean_of_ten_neighbours_that_training_has_seen() -> None:
    held = spaces(60, (5, 3), 1)
    known = np.arange(60) % 3 > 0
    fresh = np.random.default_rng(2).normal(size=(4, 5)).astype(np.float32)
    halves = behaviour_estimates(held["semantic"], fresh, held["behavior"], known)
    every = np.arange(60)
    cosine = fresh / np.linalg.norm(fresh, axis=1, keepdims=True) @ held["semantic"].unit(every).T
    cosine[:, ~known] = -np.inf
    for row in range(4):
        near = np.argsort(-cosine[row])[:10]
        assert halves[row] == pytest.approx(held["behavior"].unit(near).mean(axis=0), abs=1e-5)
    none = behaviour_estimates(held["semantic"], fresh, held["behavior"], np.zeros(60, dtype=bool))
    assert not none.any()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 4), st.integers(2, 5), st.integers(1, 40), st.integers(1, 60), st.booleans(), st.integers(0, 10**6)
)
def test_every_code_is_free_and_under_a_known_prefix_until_none_is_left(
    levels: int, width: int, items: int, wanted: int, two: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    items = min(items, width**levels)
    draw = rng.permutation(width**levels)[:items]
    codes = np.stack([draw // width**level % width for level in reversed(range(levels))], axis=1)
    sources = ("semantic", *("behavior" if two else "semantic" for _ in range(levels - 1)))
    index = ItemIndex(item_ids(items), codes.astype(np.int32), (width,) * levels, sources)
    held = spaces(items, (4, 3), seed)
    if not two:
        del held["behavior"]
    places = Places(index, np.zeros((0, levels), dtype=np.int32), held)
    prefixes = {tuple(code[:-1]) for code in codes.tolist()}
    room = len(prefixes) * width - items
    given_out = []
    for _ in range(wanted):
        vectors = {name: rng.normal(size=space.mean.shape).astype(np.float32) for name, space in held.items()}
        given_out.append(places.take(vectors))
    found = [code for code in given_out if code is not None]
    assert len(found) == min(wanted, room) and given_out[: len(found)] == found
    assert len({*found, *map(tuple, codes.tolist())}) == items + len(found)
    assert all(code[:-1] in prefixes and 0 <= code[-1] < width for code in found)
    # One that comes later finds the codes taken.
    later = Places(index, np.array(found, dtype=np.int32).reshape(-1, levels), held)
    more = [later.take({n: np.zeros_like(s.mean) for n, s in held.items()}) for _ in range(room - len(found) + 1)]
    assert more[-1] is None and len({*found, *more[:-1]}) == room


def test_the_nearest_prefix_and_the_fitting_last_code() -> None:
    """Two groups of items; the last code means the same step under both, and a code nobody has is the last choice."""
    vectors = np.array([[4, 0], [4, 1], [-4, 0], [-4, 1], [-4, 2]], dtype=np.float32)
    index = small_index([[0, 0], [0, 1], [1, 0], [1, 1], [1, 2]], (2, 4))
    space = Space(vectors, np.ones(5, dtype=np.float32), np.zeros(2, dtype=np.float32))
    places = Places(index, np.zeros((0, 2), dtype=np.int32), {"semantic": space})
    near = np.array([3.9, 0.1], dtype=np.float32)
    assert [places.take({"semantic": near}) for _ in range(4)] == [(0, 2), (0, 3), (1, 3), None]


def test_an_index_of_one_level_has_no_room() -> None:
    places = Places(small_index([[0], [2]], (4,)), np.zeros((0, 1), dtype=np.int32), spaces(2, (3, 3), 0))
    assert places.take({name: np.zeros(3, dtype=np.float32) for name in ("semantic", "behavior")}) is None


def test_known_items_under_other_writings_are_refused(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'write item ids in two ways: "i03" and "I03" \(2 ids\)'):
        add_items(run, table(tmp_path, ["I03", "I04", "n1"]))
    assert not (run.path / "revisions").exists() or files(run) == []


def test_missing_ids_of_new_items_are_rejected_as_the_log_does(run: RunFolder, tmp_path: Path) -> None:
    done = add_items(run, table(tmp_path, ["n1", "NULL", "nan", "<NA>", "n2"]))
    assert done.figures["added"] == 2 and done.figures["rejected"] == {"no item id": 3}
