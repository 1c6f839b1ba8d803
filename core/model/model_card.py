"""The card of an exported model: its base and licence, its data by counts, its figures, and how to read its codes."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import EnvironmentFault
from core.model.gguf_header import is_gguf, read_header
from core.model.model_folder import cached_folder
from core.project import Project
from core.run.folder import RunFolder
from core.safe_json import figures, number, read_object
from core.store import STAGE_FILE

ABOUT, CARD = "eagertui.json", "README.md"
_LICENCES = re.compile(r"(licen[cs]e|notice|copying|use_policy)\b.*", re.IGNORECASE)
_SHOWN = ("recall@10", "ndcg@10")


@dataclass(frozen=True)
class Base:
    """What a model was made from.

    Attributes:
        name: hub id, or a folder's own name without its path; `tiny` for weights that began at random; empty = unknown.
        folder: where its files lie; None where there are none on this machine.
        hub: whether the name is one of the Hugging Face hub.
        licence: that its file states; empty where none does.
    """

    name: str = ""
    folder: Path | None = None
    hub: bool = False
    licence: str = ""

    @staticmethod
    def of(project: Project) -> Base:
        """The base of a project's backbone."""
        name = project.backbone.model
        if name == "tiny":
            return Base(name)
        local = project.resolve(name)
        if is_gguf(name):
            return Base(local.name, licence=_gguf_licence(local))
        return Base(local.name, local) if local.is_dir() else Base(name, cached_folder(name), hub=True)


def write_card(folder: Path, run: RunFolder | None) -> None:
    """Write the card into an exported folder, and copy the licence of the base model where its folder holds one.

    Args:
        folder: the exported folder; its `eagertui.json` is there already.
        run: where the model comes from; None where only a checkpoint is known, which has no figures.

    Raises:
        OSError: it cannot be written.
    """
    project = Project.load(run.project_path) if run else None
    base = Base.of(project) if project else Base()
    copied = _copied_licences(base.folder, folder) if base.folder else []
    licence = _stated_licence(base.folder) if base.folder else base.licence
    head = ["library_name: transformers", "tags: [recommender-systems, generative-retrieval, semantic-ids]"]
    head += [f"base_model: {base.name}"] if base.hub else []
    head += [f"license: {licence}"] if licence else []
    parts = [
        "\n".join(["---", *head, "---"]),
        "# A recommender made with EagerTUI",
        "A decoder-only language model that names items by their codes: after the codes of what somebody took, the "
        "oldest first, it gives every next code a probability.",
        f"## Base model\n\n{_base_words(base, copied, licence)}",
        f"## Data\n\n{_data_words(run)}",
        f"## Figures\n\n{_figure_words(run, project)}",
        f"## How to decode\n\n{_decode_words(read_object(folder / ABOUT))}",
    ]
    (folder / CARD).write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _copied_licences(origin: Path, folder: Path) -> list[str]:
    """Copy the base's licence files beside the model; their names."""
    names = sorted(path.name for path in origin.iterdir() if path.is_file() and _LICENCES.fullmatch(path.name))
    for name in names:
        shutil.copyfile(origin / name, folder / name)
    return names


def _stated_licence(origin: Path) -> str:
    """The licence that the base's own card states; empty where it states none."""
    try:
        text = (origin / CARD).read_text(encoding="utf-8")
    except (OSError, UnicodeError):
        return ""
    head = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
    found = re.search(r"^license:[ \t]*[\"']?([\w.+-]+)", head[1], re.MULTILINE) if head else None
    return found[1] if found else ""


def _gguf_licence(file: Path) -> str:
    """The licence that a GGUF file states; empty where it is gone or states none."""
    try:
        return str(read_header(file).values.get("general.license", ""))
    except EnvironmentFault:
        return ""


def _base_words(base: Base, copied: list[str], licence: str) -> str:
    if base.name == "tiny":
        return "None: a small decoder that was trained from scratch."
    if not base.name:
        return "Not known: a checkpoint was exported without its run."
    if not licence and not copied:
        return f"{base.name}. Its files state no licence: look it up before you pass this model on."
    words = f"{base.name}, under {licence or 'a licence of its own'}"
    words += f", which lies beside this card: {', '.join(copied)}" if copied else ""
    return f"{words}. What it asks holds for this model too."


def _data_words(run: RunFolder | None) -> str:
    """Counts alone: no names, no titles, no paths."""
    counts = figures(read_object(run.artefact("data") / STAGE_FILE).get("summary")) if run else {}
    known = [f"{number(counts[name]):,.0f} {name}" for name in ("users", "items", "interactions") if name in counts]
    return (
        f"{', '.join(known) or 'Not known'}. Of the data this folder holds the items' ids and codes, and in a "
        "tokenizer that was made for them words of their texts."
    )


def _figure_words(run: RunFolder | None, project: Project | None) -> str:
    """The exported model's own figures, without the scorer that may have been trained beside it."""
    metrics = run.metrics() if run else {}
    measured = figures((metrics.get("test") or {}).get("model"))
    between = ((metrics.get("intervals") or {}).get("test") or {}).get("model") or {}
    if not measured or project is None:
        return "None: this model was not evaluated."
    seen = "may stand in a list" if not project.evaluate.mask_seen else "are left out of a list"
    rows = [f"| {name} | {value:.4f} | {_interval(between.get(name))} |" for name, value in measured.items()
            if name in _SHOWN]  # fmt: skip
    return (
        "Each user's last interaction is held out and ranked among all items; those that a user took before "
        f"{seen}. All users with enough interactions; beam search with {project.recommend.beams} beams.\n\n"
        "| | all users | 95 % interval over users, by bootstrap |\n|---|---|---|\n" + "\n".join(rows)
    )


def _interval(between: Any) -> str:
    known = isinstance(between, list) and len(between) == 2
    return f"{between[0]:.4f} to {between[1]:.4f}" if known else "not measured"


def _decode_words(about: dict[str, Any]) -> str:
    return f"""The prompt is the tokens `frame` of `eagertui.json`, then the codes of the history's items, \
{about.get("levels")} tokens each; `index.json` has the code of every item.
Only codes of `index.json` are items: keep to their prefixes while decoding.

```python
import json
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

model, tokenizer = AutoModelForCausalLM.from_pretrained("."), AutoTokenizer.from_pretrained(".")
codes = {{item: tokenizer.convert_tokens_to_ids(words) for item, words in json.load(open("index.json")).items()}}
prompt = json.load(open("eagertui.json"))["frame"] + [token for item in ["ITEM", "ITEM"] for token in codes[item]]
items = {{tuple(code): item for item, code in codes.items()}}

def allowed(batch, ids):
    begun = tuple(ids.tolist()[len(prompt):])
    return sorted({{code[len(begun)] for code in items if code[:len(begun)] == begun}})

found = model.generate(
    torch.tensor([prompt]), num_beams=20, num_return_sequences=10, max_new_tokens={about.get("levels")},
    min_new_tokens={about.get("levels")}, do_sample=False, prefix_allowed_tokens_fn=allowed, renormalize_logits=True,
)
print([items[tuple(row[len(prompt):].tolist())] for row in found])
```"""
