"""Every setting of a project, declared once: those of the language model in `core.model_settings`, all others here.

A field's type, default, bounds and one-line documentation stand together; `--help`, the commented template, the
README table and the checks all read these declarations (`core.fields`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.registry import ALIGNMENTS, BASELINES, BEHAVIOR_VECTORS, LOSSES, QUANTIZERS, TASKS, TEXT_VECTORS, Registry

Choice = str | Registry[Any]


def opt(
    default: Any,
    doc: str,
    *,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: tuple[Choice, ...] = (),
    prefixes: tuple[str, ...] = (),
    personal: bool = False,
) -> Any:
    """Declare a setting.

    Args:
        default: The value where nobody sets one.
        doc: One line for a person.
        low: Smallest allowed number, itself allowed (`above`: itself not allowed).
        high: Largest allowed number, itself allowed (`below`: itself not allowed).
        above: Exclusive lower bound.
        below: Exclusive upper bound.
        choices: The only texts allowed, for each element of a list and each key of a table too; a registry stands for
            the names of its plug-ins.
        prefixes: Texts that start like this are allowed besides the choices, e.g. `hf:`.
        personal: Belongs to one data set, so a recipe may not set it.
    """
    meta = {
        "doc": doc,
        "low": low,
        "high": high,
        "above": above,
        "below": below,
        "choices": choices,
        "prefixes": prefixes,
        "personal": personal,
    }
    return field(default=default, metadata=meta)


def plugin_options(*registries: Registry[Any]) -> Any:
    """Declare that plug-ins have tables of their own here, each of the dataclass that stands beside the plug-in."""
    return field(default_factory=dict, metadata={"registries": registries})


@dataclass(frozen=True)
class RunSettings:
    """Where and how the computation runs."""

    device: str = opt("auto", "device of the model", choices=("auto", "cpu", "cuda"), prefixes=("cuda:",))
    dtype: str = opt("auto", "number format of the model; auto = bf16 where it pays", choices=("auto", "fp32", "bf16"))
    threads: int = opt(0, "CPU threads; 0 = all", low=0, high=1024)
    processes: int = opt(
        1, "processes that tune and evaluate together on this machine; 0 = one a visible GPU", low=0, high=1024
    )
    seeds: tuple[int, ...] = opt(
        (), "several runs that differ in their seed alone, one after the other; none = one run", low=0, high=2**31 - 1
    )
    goal: str = opt(
        "metrics", "how far it goes: to the metrics, or to the model or the item index alone",
        choices=("metrics", "model", "index"),
    )  # fmt: skip
    base: str = opt(
        "", "run whose codes and weights it starts from, to learn from grown data (train --from)", personal=True
    )
    base_revision: int = opt(
        -1, "additions to the items of run.base that count; -1 = all that there are", low=-1, high=10**9, personal=True
    )  # fmt: skip
    chosen: str = opt(
        "", "run whose validation chose what this one fits to all interactions (train --final)", personal=True
    )
    report_to: tuple[str, ...] = opt(
        (),
        "trackers that get a run's figures too, each a package to install",
        choices=("tensorboard", "wandb", "trackio"),
    )


MIN_EVALUATED = 3
"""Interactions that a user needs to be evaluated: a history of one, the validation target, the test target."""


@dataclass(frozen=True)
class DataSettings:
    """The interaction log, the item table, and how they are cleaned and split."""

    interactions: str = opt("", "interaction log: a file, a glob or a folder; format by content", personal=True)
    items: str = opt("", "item table; empty = no text", personal=True)
    user: str = opt("user_id", "column of the user id", personal=True)
    item: str = opt("item_id", "column of the item id", personal=True)
    item_key: str = opt("", "the item table's id column, where it differs from `item`", personal=True)
    time: str = opt("", "column of the time of an interaction; or use `position`", personal=True)
    position: str = opt("", "column of the order inside a user; neither = file order", personal=True)
    rating: str = opt("", "column of the rating", personal=True)
    min_rating: float = opt(0.0, "leave out interactions rated below; 0 = off", low=0.0, high=1e6, personal=True)
    columns: tuple[str, ...] = opt((), "names of the log's columns, where it has no header line", personal=True)
    item_columns: tuple[str, ...] = opt((), "names of the item table's columns, where it has none", personal=True)
    table: str = opt("", "the log's table or sheet, where its file holds several", personal=True)
    item_table: str = opt("", "the item table's, where its file holds several", personal=True)
    text: tuple[str, ...] = opt((), "columns of the item table that become text; never ids or codes", personal=True)
    min_user_interactions: int = opt(5, "users with fewer are left out (iterated k-core); 0 = off", low=0, high=10**6)
    min_item_interactions: int = opt(5, "items with fewer are left out (iterated k-core); 0 = off", low=0, high=10**6)
    duplicates: str = opt(
        "exact",
        "exact = drop repeats of user, item and time; first = keep a user's first of an item; keep = drop none",
        choices=("exact", "first", "keep"),
    )
    max_history: int = opt(20, "items of history a model sees", low=1, high=1000)
    catalogue: str = opt(
        "interacted",
        "what is ranked: interacted = items left after cleaning; all = the rest of the item table too",
        choices=("interacted", "all"),
    )
    where: str = opt(
        "", "SQL over the log's columns: which rows count, e.g. event = 'purchase'; empty = all", personal=True
    )
    ties: str = opt(
        "file",
        "order of a user's interactions at one time: file = as in the file; shuffle = by the seed",
        choices=("file", "shuffle"),
    )
    split: str = opt(
        "leave-one-out",
        "leave-one-out = a user's last interaction is the test, the one before validation; "
        "time = a user's first one after the cuts below; none = all of them train",
        choices=("leave-one-out", "time", "none"),
    )
    valid_from: str = opt(
        "0.2", "split = time: where training ends and validation begins: a date, or the last share of the rows"
    )
    test_from: str = opt("0.1", "split = time: where the test begins: a date, or the last share of the rows")
    max_rejected: float = opt(0.05, "more bad rows than this share is an error", low=0.0, high=1.0)
    encoding: str = opt("", "how text files are written: latin-1, utf-16, ...; empty = UTF-8, or by their look")


@dataclass(frozen=True)
class VectorSettings:
    """One vector an item from its text, one from behaviour."""

    semantic: str = opt("lsa", "source of the text vectors", choices=(TEXT_VECTORS, "none"))
    behavior: str = opt(
        "sasrec",
        "source of the behaviour vectors",
        choices=(BEHAVIOR_VECTORS, "none"),
    )
    semantic_dim: int = opt(256, "width of the text vectors (lsa)", low=2, high=8192)
    behavior_dim: int = opt(64, "width of the behaviour vectors (ppmi-svd, din, lightgcn)", low=2, high=8192)
    align: str = opt(
        "none",
        "how item vectors (of both SASRecs, or of lightgcn) follow the text while they are learnt",
        choices=(ALIGNMENTS, "none"),
    )
    align_weight: float = opt(
        0.3, "weight of that; 0 = off; 0.3 is for contrast, 0.1 for generate and disentangled", low=0.0, high=100.0
    )
    align_control: str = opt(
        "none",
        "shuffled = the same texts, dealt out anew among the items, for comparison",
        choices=("none", "shuffled"),
    )
    options: Mapping[str, Any] = plugin_options(TEXT_VECTORS, BEHAVIOR_VECTORS, ALIGNMENTS)

    @property
    def aligns(self) -> bool:
        """Whether behaviour vectors follow the text."""
        return self.align != "none" and self.align_weight > 0 and self.behavior != "none"


@dataclass(frozen=True)
class SasrecSettings:
    """The sequential model behind the behaviour vectors, which is also a baseline."""

    hidden_size: int = opt(128, "width of the model", low=4, high=4096)
    layers: int = opt(2, "transformer layers", low=1, high=48)
    heads: int = opt(2, "attention heads", low=1, high=64)
    dropout: float = opt(0.5, "share of activations dropped in training", low=0.0, below=1.0)
    learning_rate: float = opt(1e-3, "step size of AdamW", above=0.0, high=1.0)
    weight_decay: float = opt(0.0, "weight decay of AdamW", low=0.0, high=1.0)
    temperature: float = opt(0.07, "scores are cosines over this", above=0.0, high=10.0)
    batch_users: int = opt(128, "users a step", low=1, high=65536)
    epochs: int = opt(25, "passes over the users", low=1, high=10000)
    max_history: int = opt(50, "items of history it sees", low=1, high=1000)
    negatives: int = opt(0, "items drawn for the loss of a step; 0 = all of the catalogue", low=0, high=10**7)
    features: str = opt(
        "with-id",
        "what text is to the SASRec that reads it: with-id = added to the items' own vectors; only = in their place "
        "(after LLMEmb)",
        choices=("with-id", "only"),
    )
    codes: bool = opt(
        False, "the SASRec that reads text also reads the items' codes, gated (after Mixture-of-Codes)"
    )
    preferences: int = opt(
        0,
        "branches of its history that the SASRec that reads text attends over (after LANE); 0 = off, theirs are 5",
        low=0,
        high=50,
    )
    contrast_users: float = opt(
        0.0, "weight of the pull to histories of like text (after SRA-CL); 0 = off, theirs is 0.1", low=0.0, high=100.0
    )
    contrast_items: float = opt(
        0.0,
        "weight of the pull between copies of a history, items exchanged for their like; 0 = off, theirs is 0.1",
        low=0.0,
        high=100.0,
    )
    contrast_neighbours: str = opt(
        "text",
        "which histories and items are alike: text = the nearest by text; random = any, self = none but dropout, "
        "both to compare with",
        choices=("text", "random", "self"),
    )
    neighbours: int = opt(10, "like histories, and like items, of each (contrast)", low=1, high=1000)
    replace: float = opt(0.2, "share of a history's items that is exchanged (contrast)", low=0.0, high=1.0)

    @property
    def contrasts(self) -> bool:
        """Whether one of the contrasts is on."""
        return self.contrast_users > 0 or self.contrast_items > 0


@dataclass(frozen=True)
class IndexSettings:
    """The code word of every item."""

    sources: tuple[str, ...] = opt(
        ("semantic", "behavior"), "vectors that get a code word each, in this order", choices=("semantic", "behavior")
    )
    method: str = opt(
        "rq-vae",
        "how vectors become codes",
        choices=(QUANTIZERS,),
    )
    conflicts: str = opt(
        "matching",
        "how items with one code are told apart; own = each gets a last code that no other has, and the codes before "
        "it, of the first source alone, only name its group; share = not at all",
        choices=("matching", "sinkhorn", "suffix", "own", "share"),
    )
    depth: int = opt(0, "codes a source; 0 = from the catalogue's size", low=0, high=8)
    width: int = opt(256, "codes a level, at most", low=2, high=4096)
    spare: float = opt(0.1, "share of codes kept free for items to come", low=0.0, high=10.0)
    options: Mapping[str, Any] = plugin_options(QUANTIZERS)


OTHER_PARTS = ("dense", "repeats")
"""What `recommend.fusion` may name besides baselines: the dense head, and how often people come back to an item."""


@dataclass(frozen=True)
class SteerSettings:
    """Lists that follow words: more of this, less of that."""

    method: str = opt(
        "vector",
        "what words do: vector = they move the user's vector, fitted in seconds; experts = trained moves that depend "
        "on the user; none = nothing",
        choices=("none", "vector", "experts"),
    )
    strength: float = opt(1.0, "how far one wish moves; 0 = not at all", low=0.0, high=100.0)
    hard_less: bool = opt(True, "less of a known tag leaves all its items out")


@dataclass(frozen=True)
class RecommendSettings:
    """The search for the best items."""

    beams: int = opt(50, "candidate code words kept at every step", low=1, high=10000)
    k: int = opt(10, "items in a list", low=1, high=10000)
    fusion: tuple[str, ...] = opt(
        ("dense", "sasrec", "sasrec-text", "transitions", "itemknn", "repeats"),
        "scorers that lists follow beside the model, as far as the project has them; none = the model alone",
        choices=(*OTHER_PARTS, BASELINES),
    )
    hide_seen: bool = opt(False, "leave items of the user's history out of the lists")


@dataclass(frozen=True)
class ExplainSettings:
    """Why an item stands in a list."""

    preferences: int = opt(5, "groups of the history's items that are shown at most", low=1, high=100)
    writer: str = opt(
        "template",
        "who says the evidence in words: template, or local:PATH, a local language model whose text is shown where "
        "it holds nothing that the evidence does not",
        choices=("template",),
        prefixes=("local:",),
    )


@dataclass(frozen=True)
class EvaluateSettings:
    """The measurement."""

    mask_seen: bool = opt(False, "lists without the items of the user's history stand first, not those with them")
    baselines: tuple[str, ...] = opt(
        ("popularity", "transitions", "itemknn", "sasrec", "sasrec-text"),
        "methods measured beside the model",
        choices=(BASELINES,),
    )
    bootstrap: int = opt(1000, "resamples of the users for the confidence intervals; 0 = none", low=0, high=10**6)


@dataclass(frozen=True)
class BaselineTables:
    """Options of single baselines, e.g. `[baselines.NAME]`."""

    options: Mapping[str, Any] = plugin_options(BASELINES)


@dataclass(frozen=True)
class TaskTables:
    """Options of single tasks, e.g. `[tasks.NAME]`."""

    options: Mapping[str, Any] = plugin_options(TASKS)


@dataclass(frozen=True)
class LossTables:
    """Options of single losses, e.g. `[losses.NAME]`."""

    options: Mapping[str, Any] = plugin_options(LOSSES)
