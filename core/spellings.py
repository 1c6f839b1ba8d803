"""Old spellings of settings: still read, and the new one is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Key = tuple[str, ...]

_AUTOENCODER = (
    "layers", "latent", "batch_norm", "epochs", "steps", "patience", "learning_rate", "weight_decay", "batch_items",
    "commitment", "uniform", "rounds",
)  # fmt: skip
RENAMED: Mapping[Key, Key] = {
    **{("rq_vae", name): ("index", "rq-vae", name) for name in _AUTOENCODER},
    **{("rq_vae", name): ("index", "letter", name) for name in ("collaborative", "diversity")},
    **{("rq_vae", name): ("index", "aligned", name) for name in ("align", "temperature")},
}
"""Keys of version 0.1, and what they are called now."""
_BASELINES = ["popularity", "transitions", "itemknn", "sasrec"]
FLAGS = (("index", "paper"), ("recommend", "dense"))
"""Keys of version 0.1 that were true or false, and are a value of another key now."""


def new_key(key: Key) -> Key:
    """A key as it is spelt now."""
    return RENAMED.get(key, key)


def modernised(tree: Mapping[str, Any]) -> tuple[dict[str, Any], dict[Key, Key]]:
    """A project file's tree with today's spellings, and which of its keys were old: new key -> old one.

    `index.paper = true` was a flag of the method kmeans-tree and is the method `eager-llm-tree`; `recommend.dense =
    false` is a fusion with nothing, and beside it the baselines that version 0.1 measured where nobody chose any are
    those that are measured now. What stands there under the new spelling too wins over the old one.
    """
    new: dict[str, Any] = {name: dict(value) if isinstance(value, Mapping) else value for name, value in tree.items()}
    renamed: dict[Key, Key] = {}
    table = new.pop("rq_vae", {})
    if not isinstance(table, dict):
        return dict(tree), {}
    recommend = new.get("recommend")
    if isinstance(recommend, dict) and isinstance(dense := recommend.get("dense"), bool):
        del recommend["dense"]
        if not dense:
            recommend.setdefault("fusion", [])
        evaluate = new.get("evaluate")
        if isinstance(evaluate, dict) and evaluate.get("baselines") == _BASELINES:
            del evaluate["baselines"]
        renamed["recommend", "fusion"] = ("recommend", "dense")
    for name, value in table.items():
        old = ("rq_vae", name)
        key = RENAMED.get(old, ("index", "rq-vae", name))  # an unknown name is refused where it would stand now
        inner = new
        for part in key[:-1]:
            there = inner.get(part)
            inner[part] = inner = dict(there) if isinstance(there, Mapping) else {}
        inner.setdefault(key[-1], value)
        renamed[key] = old
    index = new.get("index")
    if isinstance(index, dict) and isinstance(index.get("paper"), bool) and index.pop("paper"):
        index["method"] = "eager-llm-tree"
        renamed["index", "method"] = ("index", "paper")
    return new, renamed
