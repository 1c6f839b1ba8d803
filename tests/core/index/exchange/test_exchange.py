"""Item indices in and out: LC-Rec's format and Parquet, whole and damaged, under our ids and under numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DataError, EnvironmentFault, ProjectError
from core.index.branches import BranchTable
from core.index.build import build_index
from core.index.exchange.code_files import DEEPEST
from core.index.exchange.in_out import export_index, keep_import, read_index, write_index
from core.index.lookup import Lookup
from core.index.measure.report import index_report
from core.index.quantize import Task, quantize
from core.index.quantize.methods.rq_vae import RqVaeOptions
from core.index.table import ItemIndex
from core.index.tokens import letter, token
from core.pipeline import run_stages
from core.project import Project
from core.run.reporter import NullReporter
from core.settings import IndexSettings
from core.vectors import ItemVectors
from tests.core.engine_tools import walks, write_world

IDS = pl.Series("item_id", ["a", "b", "c"])
CODES = [[1, 0], [0, 3], [1, 0]]
TOKENS = {"a": ["<a_1>", "<b_0>"], "b": ["<a_0>", "<b_3>"], "c": ["<a_1>", "<b_0>"]}


def write(folder: Path, content: object, name: str = "Shop.index.json") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_lc_rec_in_and_out(tmp_path: Path) -> None:
    path = write(tmp_path, TOKENS)
    read = read_index(path, IDS)
    assert (read.codes.tolist(), read.widths, read.format) == (CODES, (2, 4), "LC-Rec")
    assert read.codes.dtype == np.int32
    write_index(IDS, read.codes, tmp_path / "out.index.json")
    assert (tmp_path / "out.index.json").read_bytes() == path.read_bytes()
    other = write(tmp_path, dict(reversed(TOKENS.items())), "other.txt")  # its content tells what it is
    assert read_index(other, IDS).codes.tolist() == CODES


@pytest.mark.parametrize(
    "value", [["<|a_1|>", "<|b_0|>"], "<a_1><b_0>", " <|a_1|> <|b_0|> ", ["<a_01>", "<b_0>"], ["<A_1>", "<B_0>"]]
)
def test_other_ways_to_write_tokens(value: object, tmp_path: Path) -> None:
    assert read_index(write(tmp_path, {item: value for item in "abc"}), IDS).codes.tolist() == [[1, 0]] * 3


def test_parquet_in_and_out(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    codes = np.array(CODES, dtype=np.int32)
    write_index(IDS, codes, path, (5, 7))
    assert pl.read_parquet(path).schema == {"item_id": pl.String, "codes": pl.List(pl.Int32)}
    read = read_index(path, IDS)
    assert (read.codes.tolist(), read.widths, read.format) == (CODES, (5, 7), "Parquet")
    write_index(IDS, codes, path)
    assert read_index(path, IDS).widths == (2, 4)
    numbers = pl.DataFrame({"item_id": ["c", "b", "a"], "first": [1, 0, 1], "second": [0, 3, 0]})
    numbers.write_parquet(tmp_path / "no suffix")
    assert read_index(tmp_path / "no suffix", IDS).codes.tolist() == CODES
    unique = np.array([[1, 0], [0, 3], [1, 1]], dtype=np.int32)
    ItemIndex(IDS, unique, (9, 8), ("semantic", "behavior")).save(path)  # an index as a run keeps it
    assert (read_index(path, IDS).codes.tolist(), read_index(path, IDS).widths) == (unique.tolist(), (9, 8))


@given(data=st.data(), levels=st.one_of(st.integers(1, 8), st.integers(26, 60)), parquet=st.booleans())
def test_any_depth_and_width_survives(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, levels: int, parquet: bool
) -> None:
    code = st.integers(0, data.draw(st.sampled_from([1, 300, (1 << 20) - 1])))
    rows = data.draw(st.lists(st.lists(code, min_size=levels, max_size=levels), min_size=1, max_size=6))
    ids = pl.Series("item_id", [f"Ω {n}\"'\\" for n in range(len(rows))])
    path = tmp_path_factory.getbasetemp() / ("any.parquet" if parquet else "any.json")
    write_index(ids, np.array(rows, dtype=np.int32), path)
    read = read_index(path, ids)
    assert read.codes.tolist() == rows
    assert all(most < width <= 2 * most + 2 for most, width in zip(read.codes.max(axis=0), read.widths, strict=True))


NUMBERED = {"0": ["<a_1>"], "1": ["<a_2>"], "2": ["<a_3>"]}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("Shop.item2id", "c\t0\na\t1\r\nb\t2\n"),
        ("Shop.item2id.json", {"c": 0, "a": 1, "b": 2}),
        ("item2id.json", {"c": "0", "a": "1", "b": "2"}),
        ("id2item.json", {"0": "c", "1": "a", "2": "b"}),
        ("datamaps.json", {"user2id": {"u": 0}, "item2id": {"c": 0, "a": 1, "b": 2}}),
        ("Shop.item.json", {"0": {"title": "x", "asin": "c"}, "1": {"asin": "a"}, "2": {"asin": "b"}}),
    ],
)
def test_numbers_are_explained_by_a_file_beside(name: str, content: object, tmp_path: Path) -> None:
    path = write(tmp_path, NUMBERED)
    with pytest.raises(DataError, match="none of its 3 items"):
        read_index(path, IDS)
    write(tmp_path, content, name)
    assert read_index(path, IDS).codes.tolist() == [[2], [3], [1]]


def test_our_ids_go_first(tmp_path: Path) -> None:
    write(tmp_path, {"0": 2, "1": 1, "2": 0}, "Shop.item2id.json")
    numbers = pl.Series("item_id", ["0", "1", "2"])
    assert read_index(write(tmp_path, NUMBERED), numbers).codes.tolist() == [[1], [2], [3]]
    write(tmp_path, "{broken", "Shop.item2id")
    assert read_index(write(tmp_path, NUMBERED), numbers).codes.tolist() == [[1], [2], [3]]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({**TOKENS, "b": ["<a_0>"]}, r"1 item \(b\) with another number of codes than the 2"),
        ({**TOKENS, "b": []}, r"1 item \(b\) without a code"),
        ({**TOKENS, "b": None}, r"1 item \(b\) without a code"),
        ({**TOKENS, "b": ["<a_0>", "b_3"]}, r"1 item \(b\) without a code"),
        ({**TOKENS, "b": ["<b_3>", "<a_0>"]}, r"1 item \(b\) without a code"),
        ({**TOKENS, "b": ["<a_0>", "<a_3>"]}, r"1 item \(b\) without a code"),
        ({**TOKENS, "b": "<a_0>, <b_3>"}, r"1 item \(b\) without a code"),
        ({**TOKENS, "b": ["<a_-1>", "<b_0>"]}, r"1 item \(b\) without a code"),
        ({**TOKENS, "b": ["<a_0>", "<b_1048576>"]}, "outside 0 ... 1,048,575"),
        ({"a": TOKENS["a"]}, r"2 items \(b, c\) of the catalogue without a code"),
        ({**TOKENS, "d": TOKENS["a"], "e": TOKENS["a"]}, r"2 items \(d, e\) not in the catalogue"),
        ('{"a": ["<a_1>"], "b": ["<a_1>"], "a": ["<a_2>"], "c": ["<a_1>"]}', r"1 item \(a\) twice"),
        ({"x": TOKENS["a"], "y": TOKENS["b"]}, "none of its 2 items"),
        ({item: [f"<{letter}_0>" for letter in "ab!"] for item in "abc"}, "without a code"),
        ("[]", "no JSON object"),
        ("{}", "no JSON object"),
        ("", "neither JSON nor Parquet"),
        ("[" * 100_000, "neither JSON nor Parquet"),
        ("PAR1 and no more", "not an index"),
    ],
)
def test_what_is_no_index_of_these_items_is_refused(content: object, told: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=told):
        read_index(write(tmp_path, content), IDS)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"id": ["a"], "codes": [[1]]}, "no column item_id"),
        ({"item_id": ["a", "b", "c"], "name": ["x", "y", "z"]}, "no column codes"),
        ({"item_id": ["a", "b", "c"], "codes": [[1], None, []]}, r"2 items \(b, c\) without a code"),
        ({"item_id": ["a", "b", "c"], "codes": [[1], [None], [2]]}, r"1 item \(b\) without a code"),
        ({"item_id": ["a", "b", "b"], "codes": [[1], [1], [2]]}, r"1 item \(b\) twice"),
        ({"item_id": ["a", "b", None], "codes": [[1], [1], [2]]}, "without a code"),
        ({"item_id": ["a", "b", "c"], "codes": [[1], [1, 2], [2]]}, "another number of codes"),
        ({"item_id": ["a", "b", "c"], "codes": [[1], [-1], [2]]}, "outside"),
        ({"item_id": ["a", "b", "c"], "codes": ["1", "2", "3"]}, "not an index"),
    ],
)
def test_parquet_that_is_no_index_is_refused(table: dict[str, list[object]], told: str, tmp_path: Path) -> None:
    pl.DataFrame(table).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataError, match=told):
        read_index(tmp_path / "x.parquet", IDS)


def test_paths_and_suffixes(tmp_path: Path) -> None:
    codes = np.array(CODES, dtype=np.int32)
    with pytest.raises(ProjectError):
        read_index(tmp_path / "nowhere", IDS)
    with pytest.raises(ProjectError):
        read_index(tmp_path, IDS)
    with pytest.raises(ProjectError, match="suffix"):
        write_index(IDS, codes, tmp_path / "x.csv")
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFault):
        write_index(IDS, codes, tmp_path / "file" / "x.json")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("sources", [(), ("semantic",), ("behavior", "semantic")])
def test_an_imported_index_is_settled(sources: tuple[str, ...], tmp_path: Path) -> None:
    items = 40
    ids = pl.Series("item_id", [f"i{n:02}" for n in range(items)])
    rng = np.random.default_rng(0)
    held = {name: rng.normal(size=(items, 6)).astype(np.float32) for name in sources}
    tokens = {item: [f"<a_{n % 2}>", "<b_0>"] for n, item in enumerate(ids)}
    path = write(tmp_path, tokens)
    vectors = held.get("semantic", next(iter(held.values()), np.zeros((items, 1), dtype=np.float32)))
    settings = IndexSettings(method=f"file:{path}")
    found = quantize(
        Task(vectors, (), 0, settings, RqVaeOptions(), NullReporter(), item_ids=ids, codes_file=path)
    )  # fmt: skip
    assert found.codes.tolist() == [[n % 2, 0] for n in range(items)]
    assert found.widths == (2, 20) and np.prod(found.widths) >= items  # widened, so that there is room
    assert [book.shape for book in found.codebooks] == [(width, found.latent.shape[1]) for width in found.widths]
    assert found.figures["distinct"] == 2
    whole = {name: ItemVectors(matrix, np.ones(items, dtype=bool), "test") for name, matrix in held.items()}
    built = build_index(ids, whole, sources, settings, 0, NullReporter(), codes_file=path)
    assert len(np.unique(built.index.codes, axis=0)) == items
    assert built.resolution.raw.tolist() == found.codes.tolist()
    assert (built.index.codes[:, 0] == found.codes[:, 0]).all()  # there was room under every prefix


def test_an_index_deeper_than_the_alphabet(tmp_path: Path) -> None:
    """Levels beyond z are aa, ab ...: the codes come in, conflicts are settled, and all goes out again."""
    items, levels = 40, 60
    ids = pl.Series("item_id", [f"i{n}" for n in range(items)])
    codes = np.random.default_rng(0).integers(0, 3, (items, levels)).astype(np.int32)
    codes[1] = codes[0]
    path = tmp_path / "deep.index.json"
    write_index(ids, codes, path)
    assert '"<z_' in path.read_text() and '"<aa_' in path.read_text() and '"<bh_' in path.read_text()
    built = build_index(ids, {}, (), IndexSettings(), 0, NullReporter(), codes_file=path)
    assert built.resolution.raw.tolist() == codes.tolist() and built.index.levels == levels
    assert len(set(built.index.tokens())) == sum(built.index.widths)
    built.index.save(tmp_path / "index.parquet")
    read = ItemIndex.load(tmp_path / "index.parquet")
    assert read.base_id == built.index.base_id and read.widths == built.index.widths
    assert read_index(tmp_path / "index.parquet", ids).widths == built.index.widths
    export_index(tmp_path, tmp_path / "settled.json")
    assert (read_index(tmp_path / "settled.json", ids).codes == built.index.codes).all()
    report = index_report(built.index, {"x": ItemVectors(np.eye(items, dtype=np.float32), np.ones(items, bool), "x")})
    assert [level["letter"] for level in report["levels"]][24:28] == ["y", "z", "aa", "ab"]
    BranchTable.build(built.index.codes, np.ones(items)).save(tmp_path)
    pl.DataFrame({"item_id": ids, "title": ids}).write_parquet(tmp_path / "items.parquet")
    pl.DataFrame({"group": [0], "item": [0]}).write_parquet(tmp_path / "conflicts.parquet")
    about = Lookup.load(tmp_path, tmp_path).about(7)
    assert about["path"][26]["token"] == f"<aa_{built.index.codes[7, 26]}>" and len(about["path"]) == levels - 1
    write_index(ids, np.zeros((items, DEEPEST + 1), dtype=np.int32), path)
    with pytest.raises(DataError, match="256 levels; an index has 255 at most"):
        read_index(path, ids)


def test_letters_are_those_of_a_spreadsheet() -> None:
    assert [letter(level) for level in (0, 25, 26, 27, 51, 52, 701, 702)] == [
        *("a", "z", "aa", "ab", "az", "ba", "zz", "aaa")
    ]
    assert len({letter(level) for level in range(1000)}) == 1000 and token(30, 7) == "<ae_7>"


def test_the_published_index(real_data: Path, tmp_path: Path) -> None:
    """887 items of it share their code with another; what was read goes out again byte by byte."""
    path = real_data / "scientific" / "lc-rec-format" / "Scientific.index.json"
    ids = pl.read_parquet(real_data / "scientific" / "items.parquet")["item_id"].sort()
    read = read_index(path, ids)
    assert (read.codes.shape, read.widths) == ((4344, 4), (256,) * 4)
    assert len(np.unique(read.codes, axis=0)) == 3790 and len(np.unique(read.codes[:, 0])) == 32
    assert read.codes[ids.index_of("8")].tolist() == [9, 80, 33, 49]
    built = build_index(ids, {}, (), IndexSettings(), 0, NullReporter(), codes_file=path)
    assert built.resolution.conflicts.height >= 887 and len(np.unique(built.index.codes, axis=0)) == 4344
    built.index.save(tmp_path / "index.parquet")
    np.save(tmp_path / "raw.npy", built.resolution.raw)
    keep_import(path, tmp_path)
    export_index(tmp_path, tmp_path / "out.index.json", raw=True)
    assert (tmp_path / "out.index.json").read_bytes() == path.read_bytes()
    export_index(tmp_path, tmp_path / "raw.parquet", raw=True)
    assert (read_index(tmp_path / "raw.parquet", ids).codes == read.codes).all()
    export_index(tmp_path, tmp_path / "settled.json")
    assert (read_index(tmp_path / "settled.json", ids).codes == built.index.codes).all()


def test_a_run_with_an_imported_index(tmp_path: Path) -> None:
    path = write_world(tmp_path, walks())
    tokens = {f"i{n:02}": [f"<a_{n // 12}>", f"<b_{n % 5}>"] for n in range(60)}
    write(tmp_path, tokens, "books.index.json")
    sets = ['index.method="file:books.index.json"', "run.goal=index", "vectors.behavior=none"]
    made = run_stages(Project.load(path, sets), NullReporter())["index"]
    assert (made / "imported.json").read_bytes() == (tmp_path / "books.index.json").read_bytes()
    index = ItemIndex.load(made / "index.parquet")
    assert index.sources == ("imported", "imported") and len(np.unique(index.codes, axis=0)) == 60
    assert (index.codes[:, 0] == np.load(made / "raw.npy")[:, 0]).mean() > 0.5
    steps = json.loads((made / "report.json").read_text())["conflicts"]["steps"]
    assert (steps[0]["items"], steps[0]["groups"], steps[-1]["items"]) == (60, 25, 0)
    write(tmp_path, {**tokens, "i00": ["<a_7>", "<b_0>"]}, "books.index.json")
    other = run_stages(Project.load(path, sets), NullReporter())["index"]  # another content, another index
    assert other != made and np.load(other / "raw.npy")[0].tolist() == [7, 0]


def test_damaged_artefacts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        export_index(tmp_path, tmp_path / "out.json")
    ItemIndex(IDS, np.array([[0], [1], [2]], dtype=np.int32), (3,), ("semantic",)).save(tmp_path / "index.parquet")
    export_index(tmp_path, tmp_path / "out.json")
    with pytest.raises(DataError, match="raw"):
        export_index(tmp_path, tmp_path / "out.json", raw=True)
