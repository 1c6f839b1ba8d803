"""Texts about users, written by a language model that lies on this machine.

LC-Rec's released code (arXiv 2311.09049) asked `text-davinci-003` for them, which no longer exists; any causal
language model in a Hugging Face folder takes its place here. It decodes greedily, so that but for rounding a text
depends on model and prompt alone, and each is kept under a hash of both: an interrupted run goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from core.data.arrays import Sequences
from core.errors import EnvironmentFault, ProjectError
from core.files import digest
from core.prompts.texts import ItemTexts, UserTexts
from core.run.reporting import Reporter

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BATCH = 16
"""Prompts at a time."""
NEW_TOKENS = 64
"""Tokens of a text at most."""
HISTORY = 20
"""Titles of a history at most, the newest."""
RECENT = 3
"""Items of a history that are the short term."""
LONGEST = 200
"""Characters of a title or description in a prompt."""

INTENT = (
    "Somebody searched a shop and then took this item.\nItem: {title}\nAbout it: {about}\n"
    "Without naming the item, write in one sentence what they were looking for.\nSearch:"
)
LIKING = (
    "These are the items that somebody took, the oldest first:\n{titles}\n"
    "Write in one sentence {what}.\nAnswer:"
)  # fmt: skip
WHATS = (
    "what this person likes in general",
    "which lasting interests this person has",
    "what this person is interested in lately",
)


def local_texts(
    path: Path, train: Sequences, texts: ItemTexts, users: Iterable[int], cache: Path | None, device: str,
    reporter: Reporter | None,
) -> UserTexts:  # fmt: skip
    """Have a model write about users.

    Args:
        path: its Hugging Face folder.
        train: training sequences.
        texts: of the items; who has no item with a title gets no text.
        users: whom to write about.
        cache: file of what was written already, one JSON object a line; it grows. None = nothing is kept.
        device: of the model.
        reporter: hears the progress; may ask to stop.

    Raises:
        ProjectError: there is no such folder.
        EnvironmentFault: the model cannot be loaded.
        StopRequested: somebody asked to stop.
    """
    if not path.is_dir():
        raise ProjectError(f"texts.users: no folder at {path}", "local: names a Hugging Face folder of a causal model")
    asked: dict[tuple[int, int], str] = {}  # (user, 0 = intent, 1 ... = preferences) -> prompt
    for user in users:
        items = train[user].tolist()
        if items and texts.titles[items[-1]]:
            about = texts.descriptions[items[-1]][:LONGEST] or "nothing more is known"
            asked[user, 0] = INTENT.format(title=texts.titles[items[-1]][:LONGEST], about=about)
        before = items[:-1]
        for number, span in enumerate((before, before[:-RECENT], before[-RECENT:])):
            if lines := [texts.titles[item][:LONGEST] for item in span[-HISTORY:] if texts.titles[item]]:
                titles = "\n".join(f"- {line}" for line in lines)
                asked[user, 1 + number] = LIKING.format(titles=titles, what=WHATS[number])
    written = _written(path, list(dict.fromkeys(asked.values())), cache, device, reporter)
    intents: list[tuple[str, ...]] = [()] * len(train)
    preferences: list[tuple[str, ...]] = [()] * len(train)
    named = 0
    for (user, part), prompt in asked.items():
        text = written[prompt]
        if part == 0 and texts.titles[int(train[user][-1])].casefold() in text.casefold():
            named += 1
        elif text and part == 0:
            intents[user] = (text,)
        elif text and text not in preferences[user]:
            preferences[user] += (text,)
    notes = [f"{path.name}: {len(asked):,} texts asked for, {sum(not t for t in written.values()):,} came back empty"]
    if named:
        notes.append(f"{named:,} intents left out: they name the item")
    return UserTexts(tuple(intents), tuple(preferences), "local", tuple(notes))


def _written(
    path: Path, prompts: Sequence[str], cache: Path | None, device: str, reporter: Reporter | None
) -> dict[str, str]:
    """The model's answer to every prompt, from the cache where it is there."""
    model = "".join(f"{file.name}:{digest(file)}\n" for file in sorted(path.iterdir()) if file.is_file())
    keys = {prompt: hashlib.sha256(f"{model}{NEW_TOKENS}\n{prompt}".encode()).hexdigest() for prompt in prompts}
    known = _cached(cache)
    left = [prompt for prompt in prompts if keys[prompt] not in known]
    if left:
        try:
            file = _opened(cache)
            try:
                for some, answers in _answers(path, left, device, reporter):
                    for prompt, answer in zip(some, answers, strict=True):
                        known[keys[prompt]] = answer
                        file.write(json.dumps({"key": keys[prompt], "text": answer}) + "\n")
                    file.flush()
            finally:
                file.close()
        except OSError as error:
            raise EnvironmentFault(f"{cache}: cannot be written ({error.strerror})") from error
    return {prompt: known[keys[prompt]] for prompt in prompts}


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


def _answers(
    path: Path, prompts: Sequence[str], device: str, reporter: Reporter | None
) -> Iterator[tuple[list[str], list[str]]]:
    """Ask the model batch by batch, prompts of like length together."""
    import torch

    tokenizer, lm = load_writer(path, device)
    longest = max(int(getattr(lm.config, "max_position_embeddings", 0) or 1 << 20) - NEW_TOKENS, 1)
    order = sorted(prompts, key=lambda prompt: (len(prompt), prompt))
    for start in range(0, len(order), BATCH):
        some = order[start : start + BATCH]
        inputs = tokenizer(
            [worded_question(tokenizer, one) for one in some], return_tensors="pt", padding=True, truncation=True,
            max_length=longest,
        ).to(device)  # fmt: skip
        inputs.pop("token_type_ids", None)
        with torch.no_grad():
            rows = lm.generate(
                **inputs, max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=tokenizer.pad_token_id
            )
        new = rows[:, inputs["input_ids"].shape[1] :]
        yield some, [_first_line(text) for text in tokenizer.batch_decode(new, skip_special_tokens=True)]
        if reporter is not None:
            reporter.progress("texts about users", start + len(some), len(order), "texts")
            reporter.stop_if_asked()


def load_writer(path: Path, device: str, setting: str = "texts.users") -> tuple[PreTrainedTokenizerBase, Any]:
    """A causal language model that lies on this machine, to be asked in batches.

    Args:
        path: its Hugging Face folder.
        device: where it goes.
        setting: that names it, for the error.

    Raises:
        EnvironmentFault: it cannot be loaded.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from core.model.vocabulary import load_tokenizer

    tokenizer = load_tokenizer(path)
    tokenizer.padding_side = tokenizer.truncation_side = "left"  # the question stands at the end
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    try:
        dtype = torch.float32 if device == "cpu" else torch.bfloat16
        lm: Any = AutoModelForCausalLM.from_pretrained(str(path), dtype=dtype)
        lm = lm.to(device).eval()
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise EnvironmentFault(f"cannot load the model {path}: {reason}", f"check {setting}") from error
    return tokenizer, lm


def worded_question(tokenizer: PreTrainedTokenizerBase, prompt: str) -> str:
    """A prompt the way the model is used to be asked."""
    if not getattr(tokenizer, "chat_template", None):
        return prompt
    chat = [{"role": "user", "content": prompt}]
    return str(tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True))


def _first_line(text: str) -> str:
    """The first line that says something, on one line without quotation marks around it."""
    line = next((line for line in text.splitlines() if line.strip(" .-*\"'")), "")
    return " ".join(line.split()).strip(" -*\"'")
