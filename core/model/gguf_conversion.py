"""A GGUF file as a plain Hugging Face folder: weights in bf16, the tokenizer converted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from core.errors import EnvironmentFault
from core.files import digest, write_atomic
from core.model.gguf_header import check_gguf
from core.model.pretrained import SOURCE, load_model
from core.run.reporting import Reporter

_STEPS = ("weights", "tokenizer", "trial")
_UNREADABLE = (OSError, ValueError, RuntimeError, KeyError, TypeError, IndexError, ImportError)


def convert_gguf(path: Path, folder: Path, reporter: Reporter) -> dict[str, Any]:
    """Write the model of a GGUF file into a folder, and try it as any other backbone.

    transformers reads the blocks and makes numbers of them again, so what is tuned is what the file holds, in bf16.

    Args:
        path: the file.
        folder: where to write; is made.
        reporter: hears the progress.

    Returns:
        Figures worth showing.

    Raises:
        EnvironmentFault: it cannot be read, or is no decoder-only language model.
        StopRequested: somebody asked to stop.
    """
    header = check_gguf(path)
    folder.mkdir(parents=True, exist_ok=True)
    transformers_logging.disable_progress_bar()
    source = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}

    def done(step: int) -> None:
        reporter.progress("reading the GGUF file", step, len(_STEPS), "parts")
        reporter.stop_if_asked()

    try:
        done(0)
        # Versions of transformers that can keep the blocks keep them unless they are told otherwise.
        whole = getattr(transformers, "GgufConfig", None)
        more = {"quantization_config": whole(dequantize=True)} if whole else {}
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            **source, **more, dtype=torch.bfloat16, output_loading_info=True
        )
        lm, report = loaded
        lacking = sorted(report["missing_keys"]) + sorted(str(key) for key in report["mismatched_keys"])
        if lacking:  # transformers would go on with weights drawn by lot
            raise ValueError(f"{len(lacking):,} of its weights are missing or of another shape, e.g. {lacking[0]}")
        parameters = sum(weight.numel() for weight in lm.parameters())
        lm.config.__dict__.pop("quantization_config", None)
        lm.save_pretrained(folder, safe_serialization=True)
        del lm, loaded
        done(1)
        tokenizer = AutoTokenizer.from_pretrained(**source)
        tokenizer.save_pretrained(folder)
        done(2)
    except _UNREADABLE as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise EnvironmentFault(
            f"transformers cannot read {path}, a GGUF file of the architecture {header.family!r}: {reason}",
            "name another folder or hub id in backbone.model",
        ) from error
    write_atomic(folder / SOURCE, json.dumps({"file": path.name, "sha256": digest(path)}))
    load_model(str(folder), "cpu", torch.bfloat16)
    done(3)
    return {"parameters": parameters, "words": len(tokenizer)}
