"""Whether a backbone can be had and used, by the small files of its folder: without its weights and without torch."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from core.did_you_mean import nearest
from core.errors import EnvironmentFault, ProjectError
from core.model.gguf_header import SUFFIX, check_gguf, is_gguf
from core.project import Project

_REMEDY = "Name another folder or hub id in backbone.model, or use backbone.model = 'tiny'."
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")
_ENCODERS = frozenset({
    "albert", "bert", "big_bird", "camembert", "canine", "clip", "convbert", "deberta", "deberta-v2", "distilbert",
    "electra", "ernie", "esm", "eurobert", "flaubert", "fnet", "funnel", "ibert", "layoutlm", "layoutlmv2",
    "layoutlmv3", "longformer", "luke", "megatron-bert", "mobilebert", "modernbert", "mpnet", "mra", "nezha",
    "nomic_bert", "nystromformer", "rembert", "roberta", "roberta-prelayernorm", "roformer", "siglip", "squeezebert",
    "tapas", "vit", "xlm-roberta", "xlm-roberta-xl", "xmod", "yoso",
})  # fmt: skip
_LEARNED_POSITIONS = frozenset({"gpt2", "opt", "gpt_neo", "gpt_bigcode", "openai-gpt", "biogpt"})
"""Families whose positions end with a table; a rotary model reads on, if worse."""
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "vocab.json",
               "vocab.txt", "tekken.json")  # fmt: skip
LEAST_TOKENS = 16
"""A tokenizer with fewer tokens has no vocabulary; transformers makes one up where the files are missing."""


def check_backbone(project: Project) -> None:
    """Refuse a backbone that could only fail, or learn nothing, after hours of other work.

    Raises:
        ProjectError: there is no such folder or file, or its positions do not reach.
        EnvironmentFault: it has no configuration, weights or tokenizer, is no decoder-only language model, or is a GGUF
            file that cannot be read here.
    """
    name = project.backbone.model
    if name == "tiny":
        return
    folder = project.resolve(name)
    if folder.is_dir():
        _check_folder(project, name, folder)
    elif is_gguf(name):
        if not folder.is_file():
            raise ProjectError(f"backbone.model: there is no file {str(folder)!r}", _REMEDY)
        check_gguf(folder)
    elif folder.exists():
        raise ProjectError(
            f"backbone.model: {name!r} is a file, neither the folder of a model nor named *{SUFFIX}", _REMEDY
        )
    elif (cached := cached_folder(name)) is not None:
        _check_folder(project, name, cached)
    else:
        _check_name(name, folder)


def has_tokenizer(folder: Path) -> bool:
    """Whether a model's folder holds a tokenizer's vocabulary."""
    return any((folder / name).is_file() for name in _TOKENIZERS) or any(folder.glob("*.tiktoken"))


def _check_name(name: str, folder: Path) -> None:
    """Refuse what is neither a folder nor a hub id that may be downloaded."""
    siblings = _models_in(folder.parent)
    near = nearest(folder.name, ["tiny", *siblings] if "/" not in name else siblings)
    hint = f'did you mean "{near}"?' if near else _REMEDY
    if not _HUB_ID.fullmatch(name) or ("/" in name and folder.parent.is_dir()) or near:
        raise ProjectError(f"backbone.model: there is no folder {str(folder)!r}", hint)
    if any(os.environ.get(key, "").upper() in ("1", "ON", "YES", "TRUE") for key in _OFFLINE):
        raise EnvironmentFault(f"backbone.model: {name!r} is not on this machine, and the hub is switched off", _REMEDY)


_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


def _models_in(folder: Path) -> list[str]:
    try:
        return sorted(path.parent.name for path in folder.glob("*/config.json"))
    except OSError:
        return []


def cached_folder(name: str) -> Path | None:
    """The snapshot of a hub id that was downloaded before."""
    if not _HUB_ID.fullmatch(name):
        return None
    from huggingface_hub import try_to_load_from_cache

    file = try_to_load_from_cache(name, "config.json")
    return Path(file).parent if isinstance(file, str) else None


def _check_folder(project: Project, name: str, folder: Path) -> None:
    config = _config(name, folder)
    family = str(config.get("model_type", ""))
    if config.get("is_encoder_decoder"):
        raise _unfit(name, f"is an encoder-decoder ({family}), not a decoder-only language model")
    if family in _ENCODERS and not config.get("is_decoder"):
        raise _unfit(name, f"is an encoder ({family}), not a decoder-only language model")
    if not any(folder.glob("*.safetensors")):
        raise _unfit(name, "has no weights (*.safetensors)")
    if not has_tokenizer(folder):
        raise _unfit(name, "has no tokenizer: save the tokenizer beside the weights (tokenizer.save_pretrained)")
    _check_vocabulary(name, folder)
    _check_positions(project, name, config, family)


def _config(name: str, folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _unfit(name, "has no config.json") from None
    except (OSError, ValueError, RecursionError):
        raise _unfit(name, "has a config.json that cannot be read") from None
    if not isinstance(config, dict):
        raise _unfit(name, "has a config.json that holds no settings")
    return config


def _check_vocabulary(name: str, folder: Path) -> None:
    file = folder / "tokenizer.json"
    if not file.is_file():
        return
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        words = content["model"].get("vocab", ())
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise _unfit(name, "has a tokenizer.json that cannot be read") from None
    if len(words) < LEAST_TOKENS:
        raise _unfit(name, f"has a tokenizer of {len(words)} tokens, which reads no words")


def _check_positions(project: Project, name: str, config: dict[str, Any], family: str) -> None:
    """Refuse positions that not even the shortest codes fit; the exact length is known when the index is there."""
    limit = config.get("n_positions", config.get("max_position_embeddings"))
    if family not in _LEARNED_POSITIONS or not isinstance(limit, int):
        return
    own = project.index.conflicts == "own"
    levels = (1 if own else len(project.index.sources)) * max(1, project.index.depth) + own
    needed = 1 + (project.data.max_history + 1) * levels
    if needed > limit:
        fits = (limit - 1) // levels - 1
        raise ProjectError(
            f"backbone.model: {name!r} reads {limit:,} tokens at most, and {project.data.max_history:,} items of "
            f"history need at least {needed:,}",
            f"data.max_history = {fits} may fit." if fits > 0 else "Use a backbone with more positions.",
        )


def _unfit(name: str, why: str) -> EnvironmentFault:
    return EnvironmentFault(f"backbone.model: {name!r} {why}", _REMEDY)
