"""A model on this machine that writes texts: kept, checked, taken up again; the template speaks where it fails."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.data.dataset import Dataset
from core.errors import EnvironmentFault, ProjectError, StopRequested
from core.pipeline import recipes_of
from core.project import Project
from core.prompts.item_descriptions import written_descriptions
from core.prompts.text_writer import CACHE, TextWriter, fault_of, sentence_of
from core.prompts.texts import item_texts
from core.prompts.user_texts import user_texts
from core.run.reporter import NullReporter
from core.store import Store, fingerprint
from tests.core.engine_tools import StopAfter, small_index
from tests.core.model.gguf_tools import write_gguf
from tests.core.prompts.prompt_tools import COLUMNS, small_dataset


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model in a folder, with lively random weights."""
    from tests.core.engine_tools import small_lm

    base, folder = tmp_path_factory.mktemp("base"), tmp_path_factory.mktemp("writer")
    lm, vocabulary = small_lm("llama", base, small_index([[0, 0], [0, 1]]))
    lm.save_pretrained(folder)  # these weights come from a seed, and leave no two tokens nearly equal
    vocabulary.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def data() -> Dataset:
    """Five users."""
    whole = small_dataset()
    return replace(whole, sequences=whole.sequences.take(np.arange(5)), users=whole.users[:5])


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.prompts.text_writer.BATCH", 4)


class Counting(NullReporter):
    def __init__(self) -> None:
        self.done, self.logs = 0.0, list[str]()

    def progress(self, task: str, done: float, total: float, unit: str = "") -> None:
        self.done = done

    def log(self, text: str) -> None:
        self.logs.append(text)


def test_it_writes_once_and_goes_on_where_it_was(model: Path, data: Dataset, tmp_path: Path) -> None:
    texts = item_texts(data.items, COLUMNS)

    def write(store: Path, reporter: NullReporter):
        return user_texts(f"local:{model}", data, texts, store=store, reporter=reporter)

    fresh, heard = tmp_path / "fresh", Counting()
    said = write(fresh, heard)
    assert said.written and heard.done == len((fresh / CACHE).read_text().splitlines()) and said.source == "local"
    assert len(heard.logs) == 1 and " texts/s, " in heard.logs[0] and "wrote" in heard.logs[0]
    again = Counting()
    assert write(fresh, again) == said and again.done == 0 and not again.logs
    store = tmp_path / "store"
    with pytest.raises(StopRequested):
        write(store, StopAfter(1))
    cache = store / CACHE
    some = len(cache.read_text().splitlines())
    cache.write_text(cache.read_text() + '{"key": "torn')
    rest = Counting()
    assert 0 < some < heard.done and write(store, rest) == said and rest.done == heard.done - some
    assert all(json.loads(line)["key"] for line in cache.read_text().splitlines() if "torn" not in line)


@pytest.mark.parametrize(
    ("answer", "sentence", "fault"),
    [
        ('\n "A warm tale of the sea." \nAnd more', "A warm tale of the sea.", ""),
        ("- one\tof two  kinds", "one of two kinds", ""),
        ("", "", "say nothing"),
        (" ... \n--", "", "say nothing"),
        ("Something like The Amber Book, please", "Something like The Amber Book, please", "name the item"),
        ("a book", "a book", "are too short"),
        ("- The Coral Book, Part 7.\n- The", "The Coral Book, Part 7.", "repeat the question"),
        ("the cat the cat the cat the cat", "the cat the cat the cat the cat", "repeat themselves"),
        ("word " * 20 + "x" * 400, "word " * 20 + "x" * 400, "are too long"),
    ],
)
def test_what_can_be_used_of_an_answer(answer: str, sentence: str, fault: str) -> None:
    question = "Somebody took these: the coral book, part 7; the amber book"
    assert sentence_of(answer) == sentence and fault_of(sentence, question, "the amber book") == fault


def test_the_template_speaks_where_the_model_fails(
    model: Path, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First for some, and where every answer is too long for all."""
    texts, train = item_texts(data.items, COLUMNS), data.train()
    template = user_texts("template", data, texts)
    said = user_texts(f"local:{model}", data, texts)
    monkeypatch.setattr("core.prompts.text_writer.SENTENCE", 0)
    none = user_texts(f"local:{model}", data, texts)
    assert (none.intents, none.preferences) == (template.intents, template.preferences)
    asked = sum(1 for user in range(len(train)) if len(train[user]))
    assert f"{asked} are too long" not in none.notes[0] and "texts asked for; not used: " in none.notes[0]
    own = [one for one, other in zip(said.intents, template.intents, strict=True) if one != other]
    assert all(fault_of(one[0], "") in ("", "are too long") for one in own)
    assert [bool(one) for one in said.intents] == [bool(one) for one in template.intents]


def test_descriptions_of_items(model: Path, tmp_path: Path) -> None:
    texts = item_texts(small_dataset().items, COLUMNS)
    reporter = Counting()
    writer = TextWriter(model, tmp_path, "cpu", "texts.items", reporter)
    found, note = written_descriptions(writer, texts, range(4))
    assert found.descriptions[4:] == texts.descriptions[4:] and found.titles == texts.titles
    assert note.startswith(f"{model.name}: 4 texts asked for") and reporter.done == 4
    kept = {json.loads(line)["text"] for line in (tmp_path / CACHE).read_text().splitlines()}
    good = {sentence_of(text) for text in kept if not fault_of(sentence_of(text), "")}
    for item in range(4):
        assert found.descriptions[item] in good | {texts.descriptions[item]}
    assert sum(found.descriptions[item] in good for item in range(4)) == len(good)


def test_a_gguf_file_is_converted_once_into_the_store(world: Path, tmp_path: Path) -> None:
    """Under the fingerprint that it has as a project's backbone."""
    pytest.importorskip("gguf", reason="the package gguf is not installed: pip install 'eagertui[gguf]'")
    write_gguf(world.parent / "tiny.gguf", tmp_path / "plain")
    project = Project.load(world, ["backbone.model=tiny.gguf"])
    store = project.runs_dir / ".store"
    writer = TextWriter(world.parent / "tiny.gguf", store, "cpu", "texts.items")
    first = writer.answers({"The amber book": 8}, "texts")
    mark = fingerprint(recipes_of(project)["backbone"])
    assert Store(store).has(mark)
    again = TextWriter(world.parent / "tiny.gguf", store, "cpu", "texts.items")
    assert again.answers({"The amber book": 8}, "texts") == first
    with pytest.raises(EnvironmentFault, match="no store"):
        TextWriter(world.parent / "tiny.gguf", None, "cpu", "texts.items").answers({"x": 8}, "texts")
    (world.parent / "tiny.gguf").write_bytes(b"GGUF")
    with pytest.raises(EnvironmentFault, match="ends too early"):
        TextWriter(world.parent / "tiny.gguf", store, "cpu", "texts.items")


WORDED = [
    "tune.stages.0.tasks={sequential=1, description-to-code=1}", "backbone.text_vocabulary=400",
]  # fmt: skip


def test_what_is_not_there_is_refused_before_anything_is_computed(world: Path) -> None:
    for name in ("users", "items"):
        with pytest.raises(ProjectError, match=rf"texts\.{name}: no folder at .*nowhere"):
            recipes_of(Project.load(world, [*WORDED, f"texts.{name}=local:nowhere"]))


def test_the_writer_is_part_of_what_decides_the_model(world: Path, model: Path) -> None:
    """A catalogue's own descriptions leave the fingerprint as it was before there were others."""
    plain = recipes_of(Project.load(world, WORDED))["tune"]["settings"]["texts"]
    assert "items" not in plain
    told = recipes_of(Project.load(world, [*WORDED, f"texts.items=local:{model}"]))["tune"]["settings"]["texts"]
    assert set(told) - set(plain) == {"items", "items written by", "items asked"}
    assert "model.safetensors" in told["items written by"]
