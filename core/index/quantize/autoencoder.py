"""Training of the residual-quantised auto-encoder: start, looks in between, dead codes, early stop, the best kept."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from core.errors import DataError
from core.index.quantize import Codes, Matrix, Quantized, Task
from core.index.quantize.network import Guide, Network
from core.index.quantize.residual import BLOCK, encode, fit
from core.index.shape import passes
from core.training.loop import Loop
from core.training.schedule import Schedule

PLAIN = 0.25
"""Share of the epochs in which the auto-encoder learns without codes, so that k-means sorts encodings that mean
something; codebooks made from a fresh encoder's take many times as long to become useful."""
LOOK_STEPS = 120
"""Steps between two looks at the whole catalogue, at least."""
BEST = "best.safetensors"


@dataclass(frozen=True)
class CodedCatalogue:
    """The whole catalogue as the network sees it.

    Attributes:
        latent: the encoder's output, shape (items, latent).
        books: the code vectors, level by level.
        codes: nearest codes, no uniform mapping; shape (items, levels).
        error: squared error of the decoded codes over the variance of the items.
        collisions: share of the items whose code another one has already.
        guided: what the guide's losses come to.
    """

    latent: Matrix
    books: tuple[Matrix, ...]
    codes: Codes
    error: float
    collisions: float
    guided: float

    @property
    def score(self) -> float:
        """What is to be low: two shares, and what the codes should follow besides, weighted as in training."""
        return self.error + self.collisions + self.guided


def learn(task: Task, guide: Callable[[], Guide] = Guide, kind: type[Network] = Network) -> tuple[Quantized, Guide]:
    """Train until neither the reconstruction nor the collisions get better, and quantise with the best network.

    First without codes, then codebooks start by k-means on what the levels leave of all items' encodings.

    Args:
        task: vectors, widths, settings; an interrupted training in its folder goes on.
        guide: makes what else the codes should follow; called once the random seed is set.
        kind: of the network.

    Raises:
        StopRequested: somebody asked to stop; the checkpoint is in the task's folder.
        DataError: the checkpoint cannot be read.
    """
    if task.folder is None:
        with tempfile.TemporaryDirectory() as scratch:
            return learn(replace(task, folder=Path(scratch)), guide, kind)
    settings, folder = task.rq_vae, task.folder
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(task.seed)
    scale = float(task.vectors.std())
    items = torch.from_numpy(np.ascontiguousarray(task.vectors / (scale if scale > 0 else 1.0), dtype=np.float32))
    network = kind(items, task.widths, settings, guide()).to(task.device)
    steps, epochs = passes(asdict(settings), len(items))
    plain = math.ceil(PLAIN * epochs)
    loop = Loop(
        network,
        lambda epoch: _batches(len(items), steps, (task.seed, epoch), task.device),
        Schedule(epochs, settings.learning_rate, settings.weight_decay, warmup=0.1, shape="linear"),
        seed=task.seed,
        device=task.device,
        bf16=False,
        reporter=task.reporter,
        folder=folder,
        task="codes",
    )
    every = math.ceil(LOOK_STEPS / steps)
    notes = loop.position.notes
    notes.setdefault("best", None)
    notes.setdefault("stale", 0)
    network.coding = loop.position.epoch >= plain

    def after_epoch(epoch: int) -> bool:
        if epoch == plain:
            _start(network, task)
        if not network.coding or ((epoch - plain) % every and epoch < epochs):
            return True
        seen = code_catalogue(network)
        if notes["best"] is None or seen.score < notes["best"]:
            notes.update(best=seen.score, stale=0, epoch=epoch)
            save_file(network.state_dict(), folder / f"{BEST}.new")
            (folder / f"{BEST}.new").replace(folder / BEST)
        else:
            notes["stale"] += 1
        # After the look is scored and kept: nobody's codes are moved, the others take effect in training.
        restarted = _revive(network, loop.optimizer, seen, task.seed + epoch)
        network.guide.look(network.code_vectors())
        shares = {"error": seen.error, "collisions": seen.collisions, "score": seen.score}
        task.reporter.metric(loop.position.step, {**shares, "restarted": float(restarted)})
        return bool(notes["stale"] < settings.patience)

    loop.run(after_epoch)
    try:
        network.load_state_dict(load_file(folder / BEST))
    except (OSError, SafetensorError) as error:
        raise DataError(f"{folder / BEST}: the checkpoint cannot be read ({error})", "train with --new") from error
    seen = code_catalogue(network)
    figures: dict[str, Any] = {
        "epochs": loop.position.epoch,
        "best_epoch": notes["epoch"],
        "error": round(seen.error, 6),
        "collisions": round(seen.collisions, 6),
        "used": [len(np.unique(column)) for column in seen.codes.T],
        "batch_norm": settings.batch_norm,
    }
    loop.forget()
    (folder / BEST).unlink()
    return Quantized(seen.codes, task.widths, seen.latent, seen.books, figures), network.guide


@torch.inference_mode()
def code_catalogue(network: Network) -> CodedCatalogue:
    """Code the whole catalogue, block by block."""
    network.eval()
    books = tuple(book.detach().cpu().numpy().astype(np.float32) for book in network.code_vectors())
    latent, codes, wrong = [], [], 0.0
    for start in range(0, len(network.items), BLOCK):
        wanted = network.items[start : start + BLOCK]
        coded: Matrix = network.encode(wanted).cpu().numpy()
        chosen = encode(coded, books)
        # What the codes stand for, shape (block, latent), and what the decoder makes of it, (block, dim).
        sums = np.sum([book[chosen[:, level]] for level, book in enumerate(books)], axis=0, dtype=np.float32)
        decoded = network.decode(torch.from_numpy(sums).to(wanted.device))
        wrong += float((decoded - wanted).square().sum(dtype=torch.float64))
        latent.append(coded)
        codes.append(chosen)
    every = np.concatenate(codes)
    size = float(network.items.square().sum(dtype=torch.float64))
    collisions = 1.0 - len(np.unique(every, axis=0)) / len(every)
    error = wrong / size if size else 0.0
    return CodedCatalogue(np.concatenate(latent), books, every, error, collisions, _guided(network, every))


def _guided(network: Network, codes: Codes) -> float:
    """The mean of the guide's losses over the catalogue, in parts as large as in training."""
    total, size = 0.0, network.settings.batch_items
    books = network.code_vectors()
    for start in range(0, len(codes), size):
        # Codes of a part (size, levels), item numbers (size,), and the sums of the code vectors (size, latent).
        chosen = torch.from_numpy(codes[start : start + size]).to(books[0].device, torch.long)
        rows = torch.arange(start, start + len(chosen), device=books[0].device)
        sums = torch.stack([book[chosen[:, level]] for level, book in enumerate(books)]).sum(dim=0)
        losses = network.guide(rows, sums, chosen, books)
        total += sum(float(loss) for loss in losses.values()) * len(rows)
    return total / len(codes)


def _start(network: Network, task: Task) -> None:
    """Codebooks by k-means on what the levels leave of the full catalogue's encodings."""
    network.eval()
    with torch.inference_mode():
        blocks = [network.encode(block).cpu().numpy() for block in network.items.split(BLOCK)]
    _, books = fit(np.concatenate(blocks), task.widths, task.seed, task.reporter, network.columns)
    with torch.no_grad():
        for parameter, book in zip(network.embedded, books, strict=True):
            parameter.copy_(torch.from_numpy(book))
    network.guide.look(network.code_vectors())
    network.coding = True


def _batches(items: int, count: int, seed: tuple[int, int], device: str) -> list[Tensor]:
    """Parts of like size of the items in random order; a lone item comes twice, for batch norm needs two rows."""
    order = np.random.default_rng(list(seed)).permutation(items)
    parts = np.array_split(order if items > 1 else np.repeat(order, 2), count)
    return [torch.from_numpy(part).to(device) for part in parts]


def _revive(network: Network, optimizer: torch.optim.Optimizer, seen: CodedCatalogue, seed: int) -> int:
    """Put codes that nobody has where some item is, level by level; returns how many."""
    rng = np.random.default_rng([seed, 1])
    residual = seen.latent.copy()  # what the levels so far leave of every item, shape (items, latent)
    restarted = 0
    for level, (parameter, book) in enumerate(zip(network.embedded, seen.books, strict=True)):
        dead = np.flatnonzero(np.bincount(seen.codes[:, level], minlength=len(book)) == 0)
        if len(dead):
            # Each goes to a random item's residual, shape (dead, latent); AdamW's memory of it is wiped.
            others = residual[rng.integers(len(residual), size=len(dead))]
            chosen = torch.from_numpy(others[:, network.columns(level)])
            place = torch.from_numpy(dead).to(parameter.device)
            with torch.no_grad():
                parameter[place] = chosen.to(parameter.device)
                for moment in {"exp_avg", "exp_avg_sq"} & optimizer.state.get(parameter, {}).keys():
                    optimizer.state[parameter][moment][place] = 0.0
            restarted += len(dead)
        residual -= book[seen.codes[:, level]]
    return restarted
