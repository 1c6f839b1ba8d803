"""The stage `steer`: what words mean among users and items, fitted once a run; it changes no other artefact.

`vector` needs a ridge regression from the items' texts to the users' space, seconds; `experts` train for minutes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from core.cost import MB, Cost, Job, Work
from core.errors import DataError, ProjectError
from core.model.size import weight_bytes
from core.project import Project
from core.run.reporting import Reporter
from core.stage import Artefacts, Settings, Stage, computing

if TYPE_CHECKING:
    import polars as pl
    import torch

    from core.data.dataset import Dataset
    from core.model.checkpoint import TunedModel
    from core.recommend.steering.experts import Experts
    from core.recommend.steering.steerer import Steerer
    from core.recommend.steering.tags import TagTable
    from core.recommend.steering.text_space import TextSpace
    from core.recommend.user_space import UserSpace

FILE = "steer.safetensors"
RIDGE = 1.0
"""Penalty of the regression; the items' text vectors have unit length."""
TAGS = 2_000
"""Tags that experts learn from at most, those of most items."""
LEAST = 5
"""Items of a tag that experts learn from, at least."""
LARGEST = 50_000
"""Items of a catalogue that experts are trained on, at most."""
READS = ("data", "semantic", "behavior", "index", "tune")


def steer_settings(project: Project) -> Settings:
    """What decides the artefact; strength and the hard rule belong to the question."""
    return {"method": project.steer.method, "max_history": project.data.max_history, **computing(project)}


def steer_inputs(project: Project) -> tuple[str, ...]:
    """What it reads where it is made anyway."""
    return READS


def make_steer(project: Project, made: Artefacts, folder: Path, reporter: Reporter) -> Settings:
    """Fit tags, text map and experts."""
    from safetensors.torch import save_file

    from core.data.dataset import Dataset
    from core.machine import device_of
    from core.model.checkpoint import load_checkpoint
    from core.recommend.steering.text_space import TextSpace
    from core.recommend.user_space import user_space

    dataset = Dataset.load(made["data"])
    checkpoint = load_checkpoint(made["tune"] / "best", device_of(project.run))
    space, texts = user_space(checkpoint, made), TextSpace.of(project, dataset, made)
    tags = fit_tags(dataset.items, made)
    tensors: dict[str, torch.Tensor] = {}
    if texts is not None and space is not None:
        tensors["text_map"] = fit_text_map(texts, space)
    method = project.steer.method
    if method == "experts" and (refusal := _no_experts(checkpoint, dataset.n_items)):
        reporter.alert("warning", "no experts", f"{refusal}: steering follows the method vector")
        method = "vector"
    if method == "experts":
        experts = train_experts(project, dataset, checkpoint, space, tags, texts, folder, reporter)
        tensors |= {f"experts.{name}": tensor for name, tensor in experts.state_dict().items()}
    tags.save(folder)
    about = {"method": method, **{stage: made[stage].name for stage in ("semantic", "tune") if stage in made}}
    save_file(tensors, folder / FILE, metadata={"steer": json.dumps(about)})
    return {"method": method, "tags": len(tags.tags)}


def _no_experts(checkpoint: TunedModel, n_items: int) -> str:
    """Why experts cannot be trained; empty where they can."""
    if checkpoint.dense is None:
        return "experts move the query of the dense head, which this model lacks (contrast.form = next)"
    return f"experts are trained on at most {LARGEST:,} items" if n_items > LARGEST else ""


def train_experts(
    project: Project, dataset: Dataset, checkpoint: TunedModel, space: UserSpace | None, tags: TagTable,
    texts: TextSpace | None, folder: Path, reporter: Reporter,
) -> Experts:  # fmt: skip
    """Experts that learn from the training positions of a data set and some tags.

    Args:
        project: all settings.
        dataset: logs and catalogue.
        checkpoint: the tuned model, which has a dense head.
        space: that of the dense head.
        tags: those of at least `LEAST` items, and of half the catalogue at most, are learnt; `TAGS` of them.
        texts: the text space; None = none.
        folder: where a checkpoint is left for resuming.
        reporter: hears the progress; may ask to stop.

    Raises:
        StopRequested: somebody asked to stop.
    """
    import torch

    from core.recommend.steering.experts import Lessons, fit_experts, positions
    from core.recommend.steering.steerer import OF_TAG, Steerer
    from core.recommend.steering.tags import TagTable

    head = checkpoint.dense
    assert head is not None and space is not None
    queries, targets, past = positions(checkpoint.model, head, dataset.train(), project.data.max_history, reporter)
    # The tags of many items, none of all of them: what they add by the method `vector` is where experts start.
    large = [tag for tag in tags.tags if LEAST <= len(tag.items) <= dataset.n_items // 2]
    chosen = sorted(large, key=lambda tag: -len(tag.items))[:TAGS]
    known = Steerer(
        space, TagTable(tuple(chosen)), texts, None if texts is None else texts.items, None, (), None, 1.0, False
    )
    asked = [known.steering(more=[tag.name], strength=1.0).directions[0] for tag in chosen]
    width = head.items.shape[1]
    vectors = torch.stack([one.vector.cpu() for one in asked]) if asked else torch.zeros(0, width)
    fixed = torch.stack([one.gains.cpu() for one in asked]) if asked else torch.zeros(0, dataset.n_items)
    members = torch.stack([torch.from_numpy(known.mask(tag)) for tag in chosen]) if chosen else fixed.bool()
    items = head.items.cpu()
    gains = fixed + OF_TAG.dense * vectors @ items.T / head.temperature
    lessons = Lessons(queries, targets, past, items, head.repeat, head.temperature, vectors, gains, members)
    return fit_experts(lessons, project.seed, reporter, folder)


def fit_tags(items: pl.DataFrame, made: Artefacts) -> TagTable:
    """The tags of a catalogue; branches with words are among them where the index has some."""
    from core.index.branches import BranchTable
    from core.recommend.steering.tags import TagTable

    return TagTable.build(items, BranchTable.load(made["index"]) if "index" in made else None)


def fit_text_map(texts: TextSpace, space: UserSpace) -> torch.Tensor:
    """Ridge regression from text vectors to those of the users' space, over the items; shape (text dim, dim)."""
    import numpy as np
    import torch

    x = texts.items.astype(np.float64)
    y = space.items[: len(x)].cpu().numpy().astype(np.float64)
    known = np.abs(x).sum(axis=1) > 0
    x, y = x[known], y[known]
    solution = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ y)
    return torch.from_numpy(solution.astype(np.float32))


def load_steerer(
    made: Artefacts, project: Project, dataset: Dataset, space: UserSpace, texts: TextSpace | None, items: pl.DataFrame
) -> Steerer:
    """What a run knows to steer by; of a run without the stage, fitted on the spot by the method `vector`.

    Args:
        made: artefacts of the run; `steer` is read where it is there.
        project: of the run.
        dataset: what it was trained on.
        space: of users and items, with the items added since.
        texts: the text space; None = none.
        items: the item table, with the items added since.

    Raises:
        ProjectError: steering is off.
        DataError: the artefact is damaged, or belongs to another model.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    from core.recommend.steering.experts import Experts
    from core.recommend.steering.steerer import Steerer
    from core.recommend.steering.tags import TagTable

    if project.steer.method == "none":
        raise ProjectError("this run is not to be steered: steer.method is none", 'set it to "vector" and train again')
    added = (items["text"].fill_null("").to_list())[dataset.n_items :]
    text_items = None if texts is None else texts.grown(added)
    experts, notes = None, tuple[str, ...]()
    if "steer" in made:
        try:
            with safe_open(made["steer"] / FILE, framework="pt") as file:
                about = json.loads((file.metadata() or {})["steer"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            others = [stage for stage in ("semantic", "tune") if stage in made and about.get(stage) != made[stage].name]
            text_map = tensors.get("text_map")
            if about["method"] == "experts":
                experts = Experts(space.items.shape[1])
                own = {name.removeprefix("experts."): t for name, t in tensors.items() if name.startswith("experts.")}
                experts.load_state_dict(own)
                experts.to(space.items.device).eval()
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise DataError(f"{made['steer']}: cannot be read ({error})", "train again with --new") from error
        if others:
            raise DataError(f"{made['steer']}: belongs to another {' and another '.join(others)}", "train again")
        tags = TagTable.load(made["steer"])
    else:
        tags = fit_tags(dataset.items, made)
        text_map = None if texts is None else fit_text_map(texts, space)
        notes = ("this run has no stage steer: its words were read just now (`train` keeps them)",)
    if isinstance(text_map, torch.Tensor):
        text_map = text_map.to(space.items.device)
    return Steerer(
        space, tags, texts, text_items, text_map, added, experts, project.steer.strength, project.steer.hard_less, notes
    )


def _work(job: Job) -> Work | None:
    settings, sizes, shape = job.settings("steer"), job.sizes, job.backbone
    work = Work(single=1.0 + sizes.text_mb * 0.05 + sizes.items * 2e-5)
    if settings["method"] != "experts":
        return work
    if shape is None:
        return None
    most = int(settings["max_history"])
    _, items, targets = sizes.windows(most)
    rows = min(targets, 16_384) * 2
    work += job.trained(2.0 * shape.body * items * job.levels)
    return work + Work(shared=rows * sizes.items * 2e-7)


def _memory(job: Job) -> float | None:
    shape = job.backbone
    if shape is None:
        return None
    own = weight_bytes(shape, job.settings("tune")) + job.sizes.items * 256 * 4 * 6
    if job.settings("steer")["method"] == "experts":
        own += 5.0 * TAGS * job.sizes.items + 40.0 * 256 * job.sizes.items
    return own * MB


STEER = Stage(
    "steer", 1, steer_settings, steer_inputs, make_steer,
    Cost(_work, _memory, lambda job: 1.0 + job.sizes.items * 40 * MB),
)  # fmt: skip
