"""A run that still trains answers by the best checkpoint that it has."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import pytest

from core.errors import DataError, ProjectError
from core.recommend.recommender import Recommender
from core.run.events import EventReader
from core.run.folder import RunFolder
from core.run.reducer import reduce_all
from core.run.state import RunState
from core.run.status import Status
from core.safe_json import read_object
from core.serve.served_run import ServedRun
from tests.core.engine_tools import copied_run

LATER = ("tune", "steer", "baselines", "evaluate")


@pytest.fixture
def unfinished(trained: RunFolder, tmp_path: Path) -> RunFolder:
    """The trained run as it was at a validation: its model in the making, and nothing behind it."""
    folder = copied_run(trained, tmp_path / "runs")
    tuned = folder.artefact("tune")
    tuned.rename(tuned.with_name(f"{tuned.name}.partial"))
    for stage in LATER:
        (folder.path / "stages" / f"{stage}.json").unlink(missing_ok=True)
    folder.write_status(Status(state="stopped"))
    return folder


def test_the_engine_says_where_the_best_checkpoint_lies(trained: RunFolder) -> None:
    place = read_object(trained.best_path)["path"]
    assert place == f"../.store/{trained.artefact('tune').name}.partial/best"
    assert trained.best_checkpoint() is None  # its place is empty now: the tuning is over


def test_lists_of_a_run_in_training_are_the_models_alone(unfinished: RunFolder, trained: RunFolder) -> None:
    so_far, whole = Recommender.load(unfinished.path), Recommender.load(trained.path)
    user = whole.users()[0]
    assert whole.so_far == "" and not whole.recommend(user).notes
    answer = so_far.recommend(user)
    epoch = read_object(trained.artefact("tune") / "best" / "manifest.json")["epoch"]
    assert answer.notes[0].startswith(f"after epoch {epoch} of ") and "not over" in answer.notes[0]
    assert so_far.parts.names == ("model",) and answer.items
    assert so_far.explain(user=user).path  # and the evidence for it


def test_the_serving_process_says_how_far_it_is(unfinished: RunFolder) -> None:
    served = ServedRun(unfinished.path, False, lambda text: None)
    ready = served.ready()
    assert "model" in ready["has"] and ready["so_far"].startswith("after epoch ")


def test_a_checkpoint_that_is_exchanged_while_it_is_read(unfinished: RunFolder) -> None:
    """Every load is of one piece, whatever the engine does meanwhile."""
    best = unfinished.best_checkpoint()
    assert best is not None
    over = threading.Event()

    def exchange() -> None:
        for epoch in range(1, 11):
            over.wait(0.05)
            fresh, old = best.with_name("best.new"), best.with_name("best.old")
            shutil.copytree(best, fresh)
            manifest = fresh / "manifest.json"
            manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "epoch": epoch}))
            best.rename(old)
            fresh.rename(best)
            shutil.rmtree(old)

    engine = threading.Thread(target=exchange)
    engine.start()
    said = {Recommender.load(unfinished.path).so_far for _ in range(2)}
    over.set()
    engine.join()
    said.add(last := Recommender.load(unfinished.path).so_far)
    assert all(text.startswith("after epoch ") for text in said) and last.startswith("after epoch 10 of")


def test_a_damaged_checkpoint_and_none_at_all(unfinished: RunFolder) -> None:
    best = unfinished.best_checkpoint()
    assert best is not None
    (best / "index.parquet").write_bytes(b"x")
    with pytest.raises(DataError, match="changed since"):
        Recommender.load(unfinished.path)
    unfinished.best_path.write_text("[")
    assert unfinished.best_checkpoint() is None
    with pytest.raises(ProjectError, match="has no tune yet"):
        Recommender.load(unfinished.path)


def test_the_lists_of_a_few_users_are_in_the_story(trained: RunFolder) -> None:
    """16 users, the same at every validation, drawn by the seed; the last list of each is the model's own."""
    state = reduce_all(RunState(), EventReader(trained.events_path).poll())
    assert len(state.watched) == 16
    epochs = {tuple((one.stage, one.epoch) for one in lists) for lists in state.watched.values()}
    validations = [one for one in state.evaluations if one.split == "valid"]
    assert len(epochs) == 1 and len(next(iter(epochs))) == len(validations)
    known = Recommender.load(trained.path)
    for user, lists in state.watched.items():
        last = lists[-1]
        assert len(last.items) == 20 and len({item.item_id for item in last.items}) == 20
        history, target = known.history_of(user, as_tested=True)
        assert target is not None and last.target.item_id == known.named(history[-1])[0]
        assert all(item.title for item in last.items)
