"""The training loop: resumable to the step, deterministic, averaged where asked for."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from core.errors import DataError, EagerError, StopRequested
from core.run.reporter import NullReporter, Reporter, Wish
from core.training.loop import METRIC_EVERY, SAVE_EVERY, Loop
from core.training.schedule import Schedule
from tests.core.engine_tools import StopAfter

EPOCHS, BATCHES = 3, 4


class Toy(nn.Module):
    """A regression with dropout, an embedding and a parameter that no batch uses."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.spare = nn.Parameter(torch.ones(2, 3))
        self.inner = nn.Linear(4, 6)
        self.drop = nn.Dropout(0.3)
        self.outer = nn.Linear(6, 1)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator))

    def forward(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, float], int]:
        x, y = batch
        loss = (self.outer(self.drop(torch.tanh(self.inner(x)))) - y).square().mean()
        return loss, {"loss": loss.item()}, len(x)


class Plain(Toy):
    """The same without the spare parameter."""

    def __init__(self) -> None:
        super().__init__()
        del self.spare


def batches(epoch: int) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(epoch)
    return [(x := torch.randn(8, 4, generator=generator), x.sum(1, keepdim=True)) for _ in range(BATCHES)]


def loop(folder: Path, reporter: Reporter | None = None, module: nn.Module | None = None, **schedule: Any) -> Loop:
    plan = Schedule(**{"epochs": EPOCHS, "learning_rate": 0.05, "weight_decay": 0.1, **schedule})
    return Loop(
        module or Plain(),
        batches,
        plan,
        seed=3,
        device="cpu",
        bf16=False,
        reporter=reporter or NullReporter(),
        folder=folder,
        task="toy",
    )


def weights(made: Loop) -> list[bytes]:
    own = [p.detach().numpy().tobytes() for p in made.module.parameters()]
    with made.averaged():
        return own + [p.detach().numpy().tobytes() for p in made.module.parameters()]


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_interrupted_at_any_step_it_ends_with_the_same_weights(ema: float, tmp_path: Path) -> None:
    whole = loop(tmp_path / "whole", ema=ema)
    epochs: list[int] = []
    whole.run(lambda epoch: not epochs.append(epoch))  # type: ignore[func-returns-value]
    assert epochs == [1, 2, 3]
    for calls in range(1, EPOCHS * BATCHES + 1):
        heard: list[int] = []
        first = loop(tmp_path / str(calls), StopAfter(calls), ema=ema)
        with pytest.raises(StopRequested) as stopped:
            first.run(lambda epoch, heard=heard: not heard.append(epoch))  # type: ignore[misc]
        assert stopped.value.checkpoint is not None and first.position.step == calls
        torch.manual_seed(calls)  # whatever happens between the two does not matter
        second = loop(tmp_path / str(calls), ema=ema)
        second.run(lambda epoch, heard=heard: not heard.append(epoch))  # type: ignore[misc]
        assert weights(second) == weights(whole), calls
        assert heard == [1, 2, 3], calls


def test_stopped_again_and_again(tmp_path: Path) -> None:
    whole = loop(tmp_path / "whole", ema=0.8)
    whole.run()
    for _ in range(EPOCHS * BATCHES):
        with pytest.raises(StopRequested):
            loop(tmp_path / "bits", StopAfter(1), ema=0.8).run()
    last = loop(tmp_path / "bits", ema=0.8)
    last.run()
    assert weights(last) == weights(whole)
    done = loop(tmp_path / "bits", StopAfter(1), ema=0.8)
    done.run()  # nothing is left to do, so nobody is asked
    assert weights(done) == weights(whole)


def test_a_parameter_that_is_not_used_does_not_disturb_a_resume(tmp_path: Path) -> None:
    whole = loop(tmp_path / "whole", module=Toy())
    whole.run()
    with pytest.raises(StopRequested):
        loop(tmp_path / "halves", StopAfter(5), module=Toy()).run()
    again = loop(tmp_path / "halves", module=Toy())
    again.run()
    assert weights(again) == weights(whole)


class Killed(NullReporter):
    """Wishes a checkpoint at one step and breaks off without one at a later step."""

    def __init__(self, saved: int, killed: int) -> None:
        self.saved, self.killed, self.step = saved, killed, 0

    def wants(self) -> Wish:
        self.step += 1
        if self.step == self.killed:
            raise KeyboardInterrupt
        return "checkpoint" if self.step == self.saved else "go"


@pytest.mark.parametrize(("saved", "killed"), [(1, 2), (2, 4), (5, 8), (7, 12)])
@pytest.mark.parametrize("every", [0.0, SAVE_EVERY])
def test_a_kill_goes_back_to_the_last_checkpoint(
    saved: int, killed: int, every: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.training.loop.SAVE_EVERY", every)
    whole = loop(tmp_path / "whole", ema=0.9)
    whole.run()
    with pytest.raises(KeyboardInterrupt):
        loop(tmp_path / "killed", Killed(saved, killed), ema=0.9).run()
    again = loop(tmp_path / "killed", ema=0.9)
    # Every epoch's end leaves a checkpoint too, but for one that follows soon upon another.
    assert again.position.step == (saved if every else max(saved, (killed - 1) // BATCHES * BATCHES))
    again.run()
    assert weights(again) == weights(whole)


@pytest.mark.parametrize("killed", [2, 3, 8])
def test_a_kill_inside_a_long_epoch_goes_back_by_a_minute(
    killed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint is of the step before, where every step takes longer than what may be lost."""
    whole = loop(tmp_path / "whole", ema=0.9)
    whole.run()
    monkeypatch.setattr("core.training.loop.LOST", 0.0)
    with pytest.raises(KeyboardInterrupt):
        loop(tmp_path / "killed", Killed(0, killed), ema=0.9).run()
    again = loop(tmp_path / "killed", ema=0.9)
    assert again.position.step == killed - 1
    again.run()
    assert weights(again) == weights(whole)


def test_a_kill_between_the_two_files_of_a_checkpoint(tmp_path: Path) -> None:
    """The tensors of a later step are there, the note is still that of the earlier one."""
    whole = loop(tmp_path / "whole")
    whole.run()
    with pytest.raises(StopRequested):
        loop(tmp_path / "later", StopAfter(2)).run()
    shutil.copytree(tmp_path / "later", tmp_path / "torn")
    with pytest.raises(StopRequested):
        loop(tmp_path / "later", StopAfter(1)).run()
    for file in (tmp_path / "later").glob("*.safetensors"):
        shutil.copy(file, tmp_path / "torn")
    again = loop(tmp_path / "torn")
    assert again.position.step == 2
    again.run()
    assert weights(again) == weights(whole)


def test_a_wish_for_a_checkpoint_changes_nothing(tmp_path: Path) -> None:
    class Wishing(NullReporter):
        def __init__(self) -> None:
            self.checkpoints: list[int] = []

        def wants(self) -> Wish:
            return "checkpoint"

        def checkpoint(self, path: Path | str, step: int, best: bool = False) -> None:
            assert any(Path(path).glob("*.safetensors"))
            self.checkpoints.append(step)

    reporter = Wishing()
    wishing = loop(tmp_path / "a", reporter)
    wishing.run()
    whole = loop(tmp_path / "b")
    whole.run()
    assert weights(wishing) == weights(whole)
    assert reporter.checkpoints == list(range(1, EPOCHS * BATCHES + 1))
    assert len(list((tmp_path / "a").glob("*.safetensors"))) == 1  # older ones are taken away


def test_a_stop_while_validating_validates_again(tmp_path: Path) -> None:
    def stop(epoch: int) -> bool:
        raise StopRequested

    with pytest.raises(StopRequested) as stopped:
        loop(tmp_path).run(stop)
    assert stopped.value.checkpoint is not None
    heard: list[int] = []
    again = loop(tmp_path)
    again.run(lambda epoch: not heard.append(epoch))  # type: ignore[func-returns-value]
    whole = loop(tmp_path / "whole")
    whole.run()
    assert heard == [1, 2, 3] and weights(again) == weights(whole)


def test_a_stop_while_batches_are_made_loses_nothing(tmp_path: Path) -> None:
    """Teachers are asked there, which takes a while."""

    def asked(epoch: int) -> list[tuple[Tensor, Tensor]]:
        if epoch == 2:
            raise StopRequested
        return batches(epoch)

    stopped = loop(tmp_path)
    stopped.batches = asked
    with pytest.raises(StopRequested) as told:
        stopped.run()
    assert told.value.checkpoint is not None
    again = loop(tmp_path)
    assert (again.position.epoch, again.position.step) == (2, 2 * BATCHES)
    again.run()
    whole = loop(tmp_path / "whole")
    whole.run()
    assert weights(again) == weights(whole)


def test_an_early_end_is_for_good(tmp_path: Path) -> None:
    early = loop(tmp_path)
    early.run(lambda epoch: epoch < 2)
    assert (early.position.epoch, early.position.step) == (2, 2 * BATCHES)
    again = loop(tmp_path)
    again.run(lambda epoch: True)
    assert again.position.step == 2 * BATCHES and weights(again) == weights(early)


def test_notes_survive(tmp_path: Path) -> None:
    first = loop(tmp_path, StopAfter(BATCHES + 2))
    with pytest.raises(StopRequested):
        first.run(lambda epoch: first.position.notes.update(best=0.5) or True)
    assert loop(tmp_path).position.notes == {"best": 0.5}


@pytest.mark.parametrize("name", ["loop.json", "tensors"])
def test_a_broken_checkpoint_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(StopRequested):
        loop(tmp_path, StopAfter(2)).run()
    file = tmp_path / name if name == "loop.json" else next(tmp_path.glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(DataError, match="--new"):
        loop(tmp_path)


class Wider(Plain):
    """The same names, another shape."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(4, 7), nn.Linear(7, 1)


@pytest.mark.parametrize("kind", [Toy, Wider])
def test_the_checkpoint_of_another_model_is_refused(kind: type[nn.Module], tmp_path: Path) -> None:
    with pytest.raises(StopRequested):
        loop(tmp_path, StopAfter(2)).run()
    with pytest.raises(DataError, match="another model"):
        loop(tmp_path, module=kind())


def test_the_seed_decides(tmp_path: Path) -> None:
    one, two = loop(tmp_path / "a"), loop(tmp_path / "b")
    two.run()
    torch.manual_seed(77)
    third = loop(tmp_path / "c")
    third.run()
    assert weights(two) == weights(third)
    assert weights(one) != weights(two)


class Following(NullReporter):
    """Keeps the weights after every step."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.visited = [[p.detach().clone() for p in module.parameters()]]
        self.metrics: list[dict[str, float]] = []

    def progress(self, task: str, done: float, total: float, unit: str = "") -> None:
        self.visited.append([p.detach().clone() for p in self.module.parameters()])

    def metric(self, step: int, values: Any) -> None:
        self.metrics.append(dict(values))


def test_the_average_is_a_mean_of_the_weights_visited(tmp_path: Path) -> None:
    module = Plain()
    reporter = Following(module)
    made = loop(tmp_path, reporter, module, ema=0.9, epochs=10)
    made.run()
    last = [p.detach().clone() for p in module.parameters()]
    with made.averaged():
        average = [p.detach().clone() for p in module.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(last, module.parameters(), strict=True))  # put back
    for number, mean in enumerate(average):
        visited = torch.stack([weights[number] for weights in reporter.visited])
        assert (mean >= visited.amin(0) - 1e-6).all() and (mean <= visited.amax(0) + 1e-6).all()
        # A decay of .9 looks back some ten steps: nearer to those than to the start.
        assert (mean - visited[-10:].mean(0)).norm() < 0.3 * (mean - visited[0]).norm()
    assert any(not torch.equal(a, b) for a, b in zip(last, average, strict=True))
    with loop(tmp_path / "none", module=module).averaged():
        assert all(torch.equal(a, b) for a, b in zip(last, module.parameters(), strict=True))


def test_an_epochs_figures_are_means_over_its_targets(tmp_path: Path) -> None:
    module = Plain()
    reporter = Following(module)
    with pytest.raises(StopRequested):
        loop(tmp_path, StopAfter(BATCHES - 1), module).run()
    loop(tmp_path, reporter, module).run()
    told = [values["epoch_loss"] for values in reporter.metrics if "epoch_loss" in values]
    whole = Following(fresh := Plain())
    loop(tmp_path / "whole", whole, fresh).run()
    assert told == [values["epoch_loss"] for values in whole.metrics if "epoch_loss" in values]
    assert len(told) == EPOCHS and told[-1] < told[0]


def test_weight_decay_is_for_matrices_alone(tmp_path: Path) -> None:
    """Where nothing pulls at the weights, decay shrinks matrices and leaves vectors and embeddings."""

    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)
            self.embed_tokens = nn.Embedding(4, 3)
            with torch.no_grad():
                for parameter in self.parameters():
                    parameter.fill_(1.0)

        def forward(self, batch: Any) -> tuple[Tensor, dict[str, float], int]:
            total = sum((p.sum() * 0.0 for p in self.parameters()), torch.zeros(()))
            return total, {"loss": 0.0}, 1

    module = Idle()
    loop(tmp_path, module=module, weight_decay=1.0).run()
    assert (module.layer.weight < 0.9).all()
    assert (module.layer.bias == 1.0).all() and (module.embed_tokens.weight == 1.0).all()


def test_number_formats_may_change_within_one_process(tmp_path: Path) -> None:
    """A library's user may train a project in bf16 after one in fp32."""
    for number, bf16 in enumerate((True, False, True)):
        made = Loop(
            Plain(),
            batches,
            Schedule(1, 0.05),
            seed=0,
            device="cpu",
            bf16=bf16,
            reporter=NullReporter(),
            folder=tmp_path / str(number),
            task="toy",
        )
        made.run()
        assert all(p.dtype == torch.float32 and p.isfinite().all() for p in made.module.parameters())


def test_a_loss_that_is_no_number_ends_the_training(tmp_path: Path) -> None:
    class Broken(Plain):
        def forward(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, float], int]:
            loss, _, count = super().forward(batch)
            loss = loss * float("nan")
            return loss, {"loss": loss.item()}, count

    with pytest.raises(EagerError, match="loss is no number at step 0") as caught:
        loop(tmp_path, module=Broken()).run()
    assert "learning_rate" in caught.value.remedy


def test_a_step_of_several_batches_is_one_of_their_mean(tmp_path: Path) -> None:
    """Accumulated, and as one batch: the same weights, the last smaller step included."""

    class Joined(Plain):
        def forward(self, batch: Any) -> tuple[Tensor, dict[str, float], int]:
            parts = [super(Joined, self).forward(one)[0] for one in batch]
            loss = torch.stack(parts).mean()
            return loss, {"loss": loss.item()}, 8 * len(batch)

    found = []
    for kind, accumulate in ((Plain, 3), (Joined, 1)):
        module = kind()
        module.drop = nn.Dropout(0.0)
        one = loop(tmp_path / kind.__name__, module=module)
        one.accumulate = accumulate
        if kind is Joined:
            one.batches = lambda epoch: [batches(epoch)[:3], batches(epoch)[3:]]
        one.run()
        found.append([parameter.detach().clone() for parameter in module.parameters()])
        assert one.position.step == EPOCHS * 2
    for first, second in zip(*found, strict=True):
        assert torch.allclose(first, second, atol=1e-6)


def test_the_first_step_and_the_last_of_every_epoch_are_told(tmp_path: Path) -> None:
    class Steps(NullReporter):
        """Remembers at which steps there were losses."""

        steps: ClassVar[list[int]] = []

        def metric(self, step: int, values: Mapping[str, float]) -> None:
            if "loss" in values:
                self.steps.append(step)

    assert EPOCHS * BATCHES < METRIC_EVERY
    loop(tmp_path / "whole", Steps()).run()
    ends = [epoch * BATCHES - 1 for epoch in range(1, EPOCHS + 1)]
    assert Steps.steps == [0, *ends]
    Steps.steps.clear()
    loop(tmp_path / "cut", Steps()).run(lambda epoch: epoch < 1)  # as patience ends it
    assert Steps.steps[-1] in ends[:-1]
