"""A causal language model on this machine that writes texts: one writer, one prompt file a purpose.

The files lie in `assets/writing`. It decodes greedily, so that but for rounding a text depends on model and prompt
alone, and each is kept under a hash of both: an interrupted run goes on where it was, nothing is written twice, and
no text that was written from other data is ever reused.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import tomli

from core.assets import assets_path
from core.errors import EnvironmentFault, ProjectError
from core.files import digest
from core.model.gguf_header import check_gguf, is_gguf
from core.run.reporting import Reporter
from core.settings import RunSettings
from core.units import duration

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

LOCAL = "local:"
"""How a setting that names a writer begins."""
PURPOSES = {"users": ("intent", "preference"), "items": ("item",)}
"""What the settings `texts.users` and `texts.items` ask a model for."""
BATCH = 16
"""Prompts at a time."""
CACHE = "user-texts.jsonl"
"""Beside the artefacts: what local models wrote; called after what they wrote about first."""
SENTENCE = 400
"""Characters of a sentence at most."""
LOOPING = 0.5
"""Share of different words, below which a text says the same again and again."""
FEWEST_WORDS = 3


@dataclass(frozen=True)
class WritingPrompt:
    """What a model is asked for one purpose.

    Attributes:
        prompt: with placeholders.
        tokens: of an answer at most.
    """

    prompt: str
    tokens: int


def writing_prompt(purpose: str) -> WritingPrompt:
    """The prompt of a purpose: the file of its name in `assets/writing`."""
    told = tomli.loads((assets_path() / "writing" / f"{purpose}.toml").read_text(encoding="utf-8"))
    return WritingPrompt(str(told["prompt"]).strip("\n"), int(told["tokens"]))


class TextWriter:
    """Asks one model.

    Args:
        path: its Hugging Face folder, or a GGUF file, which is converted once into the store.
        store: the folder of the artefacts, where a GGUF file's model and the texts are kept; None = nothing is kept,
            and a GGUF file cannot be read.
        device: of the model.
        setting: that names it, for errors.
        reporter: hears the progress; may ask to stop.

    Raises:
        ProjectError: there is no such folder or file.
    """

    def __init__(
        self, path: Path, store: Path | None, device: str, setting: str, reporter: Reporter | None = None
    ) -> None:
        check_writer(path, setting)
        self.path, self._store, self._device, self._setting = path, store, device, setting
        self._reporter = reporter

    def answers(self, questions: Mapping[str, int], what: str, keep: bool = True) -> dict[str, str]:
        """The model's answer to every question, from the cache where it is there.

        Args:
            questions: each with its tokens of an answer at most.
            what: is written, for the progress.
            keep: whether the answers are kept for next time.

        Raises:
            EnvironmentFault: the model cannot be loaded, or the cache cannot be written.
            StopRequested: somebody asked to stop; what was written is kept.
        """
        keys = {
            question: hashlib.sha256(f"{self._marks}{tokens}\n{question}".encode()).hexdigest()
            for question, tokens in questions.items()
        }
        cache = self._store / CACHE if self._store is not None and keep else None
        known = _cached(cache)
        left = {question: tokens for question, tokens in questions.items() if keys[question] not in known}
        if left:
            try:
                file = _opened(cache)
                try:
                    for some, texts in self._batches(left, what):
                        for question, text in zip(some, texts, strict=True):
                            known[keys[question]] = text
                            file.write(json.dumps({"key": keys[question], "text": text}) + "\n")
                        file.flush()
                finally:
                    file.close()
            except OSError as error:
                raise EnvironmentFault(f"{cache}: cannot be written ({error.strerror})") from error
        return {question: known[keys[question]] for question in questions}

    @cached_property
    def _folder(self) -> Path:
        """The model as a plain folder."""
        if not is_gguf(self.path.name):
            return self.path
        if self._store is None:
            raise EnvironmentFault(f"{self._setting}: {self.path.name} has to be converted, and there is no store")
        from core.model.stage import converted_gguf

        return converted_gguf(self.path, self._store, self._reporter)

    @cached_property
    def _marks(self) -> str:
        """What decides its texts."""
        return "".join(f"{name}:{mark}\n" for name, mark in writer_files(self.path).items())

    @cached_property
    def _model(self) -> tuple[PreTrainedTokenizerBase, Any]:
        return _load(self._folder, self._device, self._setting)

    def _batches(self, questions: Mapping[str, int], what: str) -> Iterator[tuple[list[str], list[str]]]:
        """Ask batch by batch, questions of like length together; says at the end how fast it was."""
        tokenizer, lm = self._model
        order = sorted(questions, key=lambda question: (questions[question], len(question), question))
        began, words = time.monotonic(), 0
        for start in range(0, len(order), BATCH):
            some = order[start : start + BATCH]
            rows = self._generated(tokenizer, lm, some, max(questions[question] for question in some))
            words += int((rows != tokenizer.pad_token_id).sum())
            yield some, tokenizer.batch_decode(rows, skip_special_tokens=True)
            if self._reporter is not None:
                self._reporter.progress(what, start + len(some), len(order), "texts")
                self._reporter.stop_if_asked()
        if self._reporter is not None:
            seconds = max(time.monotonic() - began, 1e-6)
            speed = f"{len(order) / seconds:.2f} texts/s, {words / seconds:,.0f} tokens/s"
            self._reporter.log(f"{self.path.name} wrote {len(order):,} {what} in {duration(seconds)}: {speed}")

    def _generated(self, tokenizer: PreTrainedTokenizerBase, lm: Any, questions: Sequence[str], most: int) -> Any:
        """Greedy continuations as token ids, (questions, tokens)."""
        import torch

        longest = max(int(getattr(lm.config, "max_position_embeddings", 0) or 1 << 20) - most, 1)
        asked = [_as_chat(tokenizer, question) for question in questions]
        inputs = tokenizer(asked, return_tensors="pt", padding=True, truncation=True, max_length=longest)
        inputs = inputs.to(self._device)
        inputs.pop("token_type_ids", None)
        with torch.no_grad():
            rows = lm.generate(**inputs, max_new_tokens=most, do_sample=False, pad_token_id=tokenizer.pad_token_id)
        return rows[:, inputs["input_ids"].shape[1] :]


def check_writer(path: Path, setting: str) -> None:
    """Refuse a model that is not there, or a GGUF file that cannot be read.

    Raises:
        ProjectError: there is no such folder or file.
        EnvironmentFault: see `core.model.gguf_header.check_gguf`.
    """
    if is_gguf(path.name) and path.is_file():
        check_gguf(path)
    elif not path.is_dir():
        remedy = "local: names a Hugging Face folder of a causal model, or a GGUF file"
        raise ProjectError(f"{setting}: no folder at {path}", remedy)


def writer_files(path: Path) -> dict[str, str]:
    """The digests of a model's files, by name."""
    files = [path] if is_gguf(path.name) else [file for file in sorted(path.iterdir()) if file.is_file()]
    return {file.name: digest(file) for file in files}


def sentence_of(text: str) -> str:
    """The first line of an answer that says something, on one line without quotation marks around it."""
    line = next((line for line in text.splitlines() if line.strip(" .-*\"'")), "")
    return " ".join(line.split()).strip(" -*\"'")


def fault_of(sentence: str, question: str, unnamed: str = "") -> str:
    """Why a sentence that a model wrote cannot be used; empty where it can.

    Args:
        sentence: see `sentence_of`.
        question: what the model was asked: what only says a part of it again, as a title, is no answer.
        unnamed: a title that it may not name; empty = any.
    """
    words = sentence.casefold().split()
    if not words:
        return "say nothing"
    if unnamed and unnamed.casefold() in sentence.casefold():
        return "name the item"
    if sentence.casefold().rstrip(".,;:!? ") in question.casefold():
        return "repeat the question"
    if len(sentence) > SENTENCE:
        return "are too long"
    if len(words) < FEWEST_WORDS:
        return "are too short"
    return "repeat themselves" if len(set(words)) < LOOPING * len(words) else ""


def refusals(writer: TextWriter, asked: int, faults: Counter[str]) -> str:
    """How many texts were asked for, and how many cannot be used, by `fault_of`."""
    reasons = ", ".join(f"{count:,} {fault}" for fault, count in sorted(faults.items()))
    return f"{writer.path.name}: {asked:,} texts asked for" + (f"; not used: {reasons}" if reasons else "")


def _as_chat(tokenizer: PreTrainedTokenizerBase, question: str) -> str:
    """A question the way the model is used to be asked."""
    if not getattr(tokenizer, "chat_template", None):
        return question
    chat = [{"role": "user", "content": question}]
    return str(tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True))


def _load(path: Path, device: str, setting: str) -> tuple[PreTrainedTokenizerBase, Any]:
    """A causal language model, to be asked in batches.

    Raises:
        EnvironmentFault: it cannot be loaded.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    from core.machine import use_bf16
    from core.model.pretrained import own_dtype
    from core.model.vocabulary import load_tokenizer

    transformers_logging.disable_progress_bar()
    tokenizer = load_tokenizer(path)
    tokenizer.padding_side = tokenizer.truncation_side = "left"  # the question stands at the end
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    try:
        # On a CPU bf16 is half as fast again, where the weights and the processor have it.
        half = device != "cpu" or (use_bf16(RunSettings(device=device)) and own_dtype(str(path)) == torch.bfloat16)
        dtype = torch.bfloat16 if half else torch.float32
        lm: Any = AutoModelForCausalLM.from_pretrained(str(path), dtype=dtype)
        lm = lm.to(device).eval()
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise EnvironmentFault(f"cannot load the model {path}: {reason}", f"check {setting}") from error
    return tokenizer, lm


def _opened(cache: Path | None) -> TextIO:
    """The cache, to go on writing at its end; what an interruption left of a line is closed off first."""
    path = cache or Path(os.devnull)
    path.parent.mkdir(parents=True, exist_ok=True)
    torn = bool(cache and cache.is_file() and cache.stat().st_size) and not path.read_bytes().endswith(b"\n")
    file = path.open("a", encoding="utf-8")
    if torn:
        file.write("\n")
    return file


def _cached(cache: Path | None) -> dict[str, str]:
    known: dict[str, str] = {}
    if cache is None or not cache.is_file():
        return known
    for line in cache.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = json.loads(line)
            known[str(row["key"])] = str(row["text"])
        except (ValueError, KeyError, TypeError):  # a line that an interruption cut short: written again
            continue
    return known
