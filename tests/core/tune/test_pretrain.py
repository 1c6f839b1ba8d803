"""A decoder from several logs: rows and cuts of two shops with the same readers, its training, a run from it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from core.data.corpora import Corpus, CorpusRows, corpus_rows, cuts_of
from core.data.dataset import Dataset, load_dataset
from core.errors import DataError, ProjectError, StopRequested
from core.model.backbone import tiny_decoder
from core.model.pretrained import kernel_of, load_model
from core.model.vocabulary import load_tokenizer, train_tokenizer
from core.project import Project
from core.run.reporter import NullReporter
from core.sample.shop import write_shops
from core.tune.pretrain import ABOUT, BETWEEN, phases, pretrain, token_rows
from tests.core.engine_tools import StopAfter

SMALL = [
    "run.device=cpu", "run.dtype=fp32", "run.threads=1", "backbone.hidden_size=16", "backbone.layers=1",
    "backbone.heads=2", "backbone.intermediate_size=16", "backbone.text_vocabulary=400", "tune.batch_tokens=512",
]  # fmt: skip


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shops")
    write_shops(folder, readers=60)
    return folder


def data_of(folder: Path, *sets: str) -> Dataset:
    project = Project.load(folder / "project.toml", sets)
    return load_dataset(project.data, project.directory)


@pytest.fixture(scope="module")
def both(shops: Path) -> list[Corpus]:
    return [Corpus(name, data_of(shops / name)) for name in ("fiction", "fact")]


@pytest.fixture(scope="module")
def rows(both: list[Corpus]) -> CorpusRows:
    """What the shop of made-up stories may learn of both."""
    return corpus_rows(both, both[0].data)


def small(shops: Path) -> Project:
    return Project.load(shops / "fiction" / "project.toml", SMALL)


def made(shops: Path, rows: CorpusRows, out: Path, stop: int = 0, shuffled: bool = False) -> dict[str, object]:
    reporter = StopAfter(stop) if stop else NullReporter()
    return pretrain(small(shops), rows, out, 2, 1e-2, shuffled, reporter)


def test_the_same_readers_are_in_both_shops(both: list[Corpus]) -> None:
    fiction, fact = (set(one.data.users.to_list()) for one in both)
    assert len(fiction & fact) > 40
    assert not set(both[0].data.items["item_id"]) & set(both[1].data.items["item_id"])


def test_a_mixed_row_is_a_persons_books_of_all_shops_in_the_order_of_time(both: list[Corpus], rows: CorpusRows) -> None:
    cuts, expected = cuts_of(both[0].data), {}
    for corpus in both:
        data = corpus.data
        assert data.times is not None
        for user, name in enumerate(data.users):
            start = data.sequences.offsets[user]
            for place in range(start, start + data.split.train[user]):
                when = int(data.times[place])
                if when < cuts.get(name, when + 1):
                    title = data.items["title"][int(data.sequences.items[place])]
                    expected.setdefault(name, []).append((when, title))
    lists = [[title for _, title in sorted(one)] for _, one in sorted(expected.items()) if len(one) > 1]
    assert [rows.mixed.words(n) for n in range(len(rows.mixed.rows))] == lists
    assert len(rows.single.rows) > len(rows.mixed.rows)
    counted = sum(map(len, expected.values()))
    assert sum(rows.counts.values()) == counted and rows.cut["fact"] > 0 == rows.cut["fiction"]


def test_nothing_of_a_reader_is_later_than_when_the_target_asks(both: list[Corpus]) -> None:
    """What was held out, or comes later, may be anything: not a row changes."""
    fiction, fact = both
    cuts, data = cuts_of(fiction.data), fact.data
    assert data.times is not None
    users = np.repeat(data.users.to_numpy(), data.sequences.lengths)
    late = np.array([when >= cuts.get(name, when + 1) for name, when in zip(users, data.times, strict=True)])
    assert late.sum() > 20
    other = np.where(late, (data.sequences.items + 1) % data.n_items, data.sequences.items).astype(np.int32)
    changed = Corpus("fact", replace(data, sequences=replace(data.sequences, items=other)))
    some, same = corpus_rows(both, fiction.data), corpus_rows([fiction, changed], fiction.data)
    for one, two in ((some.mixed, same.mixed), (some.single, same.single)):
        assert [one.words(n) for n in range(len(one.rows))] == [two.words(n) for n in range(len(two.rows))]
    assert some.counts == same.counts


def test_another_order_of_shops_changes_nothing(both: list[Corpus], rows: CorpusRows) -> None:
    turned = corpus_rows(both[::-1], both[0].data)
    assert turned.counts == rows.counts and turned.mixed.titles == rows.mixed.titles
    assert all(map(np.array_equal, turned.mixed.rows, rows.mixed.rows))
    assert all(map(np.array_equal, turned.single.rows, rows.single.rows))


def test_where_nobody_is_shared_every_shop_is_by_itself(both: list[Corpus]) -> None:
    apart = corpus_rows(both)
    assert apart.mixed is apart.single and not any(apart.cut.values())
    alone = [corpus_rows([one]) for one in both]
    assert len(apart.single.rows) == sum(len(one.single.rows) for one in alone)


def test_what_cannot_be_mixed_is_refused(both: list[Corpus], tmp_path: Path) -> None:
    fiction, fact = both
    timeless = Corpus("fact", replace(fact.data, times=None))
    with pytest.raises(DataError, match="fact: its log has no times"):
        corpus_rows([fiction, timeless], fiction.data)
    with pytest.raises(DataError, match="target's log has no times"):
        corpus_rows(both, timeless.data)
    assert corpus_rows([fiction, timeless]).counts["fact"] > 0  # by itself its own order does
    with pytest.raises(DataError, match="one name"):
        corpus_rows([fiction, Corpus("fiction", fact.data)])
    untitled = replace(fact.data, items=fact.data.items.with_columns(title=pl.col("item_id")))
    with pytest.raises(DataError, match="two titles"):
        corpus_rows([Corpus("fact", untitled)])


def test_rows_in_tokens_are_their_titles(shops: Path, rows: CorpusRows, tmp_path: Path) -> None:
    made(shops, rows, tmp_path / "model")
    tokenizer = load_tokenizer(tmp_path / "model")
    plain, shuffled = (token_rows(rows.mixed, tokenizer, seed) for seed in (None, 3))
    longest = max(range(len(plain)), key=lambda n: len(rows.mixed.rows[n]))
    told = tokenizer.decode(plain[longest][1:-1])
    titles = rows.mixed.words(longest)
    assert told.endswith(BETWEEN + titles[-1]) and len(plain[longest]) <= 256
    assert told.split(BETWEEN)[1:] == titles[-told.count(BETWEEN) :]
    short = min(range(len(plain)), key=lambda n: len(plain[n]))
    assert sorted(tokenizer.decode(shuffled[short]).split()) == sorted(tokenizer.decode(plain[short]).split())
    assert shuffled != plain


@pytest.mark.parametrize(("epochs", "anneal", "found"), [(5, 0.2, (4, 1)), (10, 0.15, (8, 2)), (1, 0.2, (0, 1)),
                                                          (2, 0.9, (1, 1)), (3, 0.0, (3, 0))])  # fmt: skip
def test_the_last_passes_fall(epochs: int, anneal: float, found: tuple[int, int]) -> None:
    assert phases(epochs, anneal) == found


def test_what_is_written_computes_what_was_trained_and_stopping_changes_nothing(
    shops: Path, rows: CorpusRows, tmp_path: Path
) -> None:
    about = made(shops, rows, tmp_path / "whole")
    weights = (tmp_path / "whole" / "model.safetensors").read_bytes()
    assert json.loads((tmp_path / "whole" / ABOUT).read_text()) == about
    with pytest.raises(StopRequested):
        made(shops, rows, tmp_path / "again", stop=9)
    assert not (tmp_path / "again").exists()
    made(shops, rows, tmp_path / "again")
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == weights
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []
    made(shops, rows, tmp_path / "shuffled", shuffled=True)
    assert (tmp_path / "shuffled" / "model.safetensors").read_bytes() != weights
    with pytest.raises(ProjectError, match="there already"):
        made(shops, rows, tmp_path / "whole")

    first, second = (load_model(str(tmp_path / name), "cpu").eval() for name in ("whole", "again"))
    tokens = torch.tensor([token_rows(rows.mixed, load_tokenizer(tmp_path / "whole"), None)[0][:40]])
    with torch.no_grad():
        logits = first(input_ids=tokens).logits
        assert torch.equal(logits, second(input_ids=tokens).logits)
        uniform = np.log(logits.shape[-1])
        loss = torch.nn.functional.cross_entropy(logits[0, :-1], tokens[0, 1:]).item()
    assert loss < uniform - 0.5


def test_a_written_decoder_computes_what_it_did(shops: Path, tmp_path: Path) -> None:
    tokenizer = train_tokenizer(["small tea", "large tea"], 300)
    torch.manual_seed(0)
    lm = tiny_decoder(small(shops).backbone, tokenizer, len(tokenizer), 0.1, kernel_of("auto", "cpu")).eval()
    lm.save_pretrained(tmp_path / "model", safe_serialization=True)
    tokenizer.save_pretrained(tmp_path / "model")
    tokens = torch.tensor([tokenizer.encode("large tea small tea")])
    again = load_tokenizer(tmp_path / "model")
    assert again.encode("large tea small tea") == tokens[0].tolist()
    with torch.no_grad():
        whole = load_model(str(tmp_path / "model"), "cpu").eval()(input_ids=tokens).logits
        assert torch.equal(whole, lm(input_ids=tokens).logits)


def test_a_run_starts_from_it(shops: Path, rows: CorpusRows, tmp_path: Path) -> None:
    from core.jobs.work import train_run
    from core.run.folder import RunFolder

    made(shops, rows, tmp_path / "model")
    sets = [*SMALL[:3], f"backbone.model={tmp_path / 'model'}", "vectors.semantic_dim=8", "sasrec.epochs=1",
            "sasrec.hidden_size=8", "index.width=8", "index.method=rq-kmeans", "tune.stages.0.epochs=1",
            "tune.validate_users=10", 'evaluate.baselines=["popularity"]', "evaluate.bootstrap=0", "recommend.beams=10",
            "tune.distill=0", "contrast.form=none"]  # fmt: skip
    project = Project.load(shops / "fiction" / "project.toml", sets)
    folder = RunFolder.create(project.runs_dir, project.to_toml(), project.name)
    assert train_run(folder) == 0, folder.status().error
