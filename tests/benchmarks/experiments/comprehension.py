"""Does the model still know what its codes mean? Titles said from codes and from histories, in unseen wordings.

    python tests/benchmarks/experiments/comprehension.py RUN [--items 500]

RUN is a finished run whose stages have the tasks `code-to-title` and `history-to-title`. Asked in wordings that no row
was trained in; answers are the model's greedy ones. The figure is token F1 (words, lower case) with the true title.
Beside it: the title of the item's nearest neighbour among the text vectors, which knows the item without the model.
Where the checkpoint has adapters the base below them is asked too.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers.cache_utils import DynamicCache

from core.data.dataset import Dataset
from core.index.table import ItemIndex
from core.model.checkpoint import TunedModel, load_checkpoint
from core.model.forward import embed, head_logits, hidden_states
from core.project import Project
from core.prompts.task_data import TaskData
from core.prompts.tasks import Fields
from core.run.folder import RunFolder
from core.vectors import ItemVectors

MOST, ROWS = 40, 16
TASKS = {"code-to-title": "title from code", "history-to-title": "next title from history"}


def f1(said: str, true: str) -> float:
    """Harmonic mean of the shares of words that both have."""
    one, two = (Counter(re.findall(r"\w+", text.casefold())) for text in (said, true))
    both = (one & two).total()
    return 2 * both / (one.total() + two.total()) if both else 0.0


@torch.inference_mode()
def answers(held: TunedModel, prompts: Sequence[np.ndarray]) -> list[str]:
    """The greedy continuation of every prompt, up to the end token.

    By our own forward pass, which does not copy the vocabulary's matrix at every step, and always as many rows
    together: for each new number of them oneDNN keeps a copy of that matrix, a third of a gigabyte of Gemma's.
    """
    told = [""] * len(prompts)
    groups = defaultdict(list)
    for place, prompt in enumerate(prompts):
        groups[len(prompt)].append(place)
    lm, end = held.model.lm, held.vocabulary.end
    for places in groups.values():
        for start in range(0, len(places), ROWS):
            some = places[start : start + ROWS]
            rows = [prompts[place] for place in some] + [prompts[some[0]]] * (ROWS - len(some))
            tokens, cache = torch.from_numpy(np.stack(rows)), DynamicCache()
            said = tokens[:, :0]
            while said.shape[1] < MOST and not (said == end).any(dim=1).all():
                states = hidden_states(lm, embed(lm, tokens), cache)
                tokens = head_logits(lm, states[:, -1]).argmax(dim=1, keepdim=True)
                said = torch.cat([said, tokens], dim=1)
            for place, row in zip(some, said.tolist(), strict=False):
                kept = row[: row.index(end)] if end in row else row
                told[place] = held.vocabulary.tokenizer.decode(kept, skip_special_tokens=True)
    return told


@dataclass(frozen=True)
class Titles:
    """Token F1 of titles.

    Attributes:
        said: of every model: of the item whose code was shown, and of the item that follows a history.
        near: of the nearest item's title by text vectors, instead of what a model says of a code.
        last: of the last item's title, instead of what a model says of the next.
    """

    said: dict[str, tuple[float, float]]
    near: float
    last: float


def titles_of(run: Path, count: int, asked_of: Mapping[str, bool | Collection[str]]) -> Titles:
    """Ask a finished run's model for titles, with its adapters, some of them or none.

    Args:
        run: its folder.
        count: items, and users, that are asked about.
        asked_of: adapters by the name of what they make, see `load_checkpoint`.
    """
    folder = RunFolder(run)
    project = Project.load(folder.project_path)
    dataset = Dataset.load(folder.artefact("data"))
    index = ItemIndex.load(folder.artefact("index") / "index.parquet")
    best = folder.artefact("tune") / "best"
    models = {name: load_checkpoint(best, adapters=adapters) for name, adapters in asked_of.items()}
    first = next(iter(models.values()))
    task_data = TaskData.of_project(project, dataset, index, first.vocabulary, tuple(TASKS))
    rng = np.random.default_rng(0)
    items = rng.permutation(np.flatnonzero(task_data.texts.titled))[:count]
    titles = task_data.texts.titles
    vectors = ItemVectors.load(folder.artefact("semantic") / "vectors.npz").matrix
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    likeness = unit[items] @ unit.T
    likeness[np.arange(len(items)), items] = -np.inf
    near = likeness.argmax(axis=1)
    split = dataset.evaluation("test")
    users = rng.permutation(len(split))[:count]
    histories = [split.histories[int(user)][-project.data.max_history :] for user in users]
    targets = split.targets[users]
    asked: dict[str, tuple[list[Fields], list[str]]] = {
        "code-to-title": ([{"item": int(item)} for item in items], [titles[i] for i in items]),
        "history-to-title": ([{"history": history} for history in histories], [titles[i] for i in targets]),
    }
    said = {}
    for name, held in models.items():
        scores = []
        for task, (fields, true) in asked.items():
            last = len(task_data.renderer.wordings[task]) - 1
            prompts = [task_data.renderer.prompt(task, one, last, MOST) for one in fields]
            told = answers(held, prompts)
            scores.append(float(np.mean([f1(one, two) for one, two in zip(told, true, strict=True)])))
        said[name] = (scores[0], scores[1])
    neighbour = np.mean([f1(titles[other], titles[item]) for item, other in zip(items, near, strict=True)])
    last = np.mean([f1(titles[history[-1]], titles[i]) for history, i in zip(histories, targets, strict=True)])
    return Titles(said, float(neighbour), float(last))


def title_scores(run: Path, count: int, adapters: Collection[str] = ()) -> dict[str, float]:
    """The figures of a finished run's model, with all adapters or those that are named, as the cells of a benchmark."""
    found = titles_of(run, count, {"model": adapters or True})
    code, following = found.said["model"]
    return {"title from code": code, "next title": following, "nearest title": found.near, "last title": found.last}


def main() -> None:
    """Ask, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--items", type=int, default=500)
    args = parser.parse_args()
    asked_of: dict[str, bool] = {"model": True}
    if (RunFolder(args.run).artefact("tune") / "best" / "adapters").is_dir():
        asked_of["base, without adapters"] = False
    found = titles_of(args.run, args.items, asked_of)
    print(f"{'':28} " + " ".join(f"{name:>24}" for name in TASKS.values()))
    for name, scores in found.said.items():
        print(f"{name:28} " + " ".join(f"{score:24.3f}" for score in scores))
    print(f"{'the nearest item, the last':28} {found.near:24.3f} {found.last:24.3f}")


if __name__ == "__main__":
    main()
