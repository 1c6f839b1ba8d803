"""Evidence phrased by a language model that lies on this machine, as far as it keeps to the evidence.

The model gets the template's sentences and may only say the same otherwise. What it writes is shown where `unheld`
finds nothing in it that the sentences do not hold; else the template's sentences are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from core.prompts.text_writer import TextWriter, writing_prompt
from core.recommend.evidence.record import Evidence
from core.recommend.evidence.sentences import quoted, sentences

SETTING = "explain.writer"
_EDGES = "\"'“”„«»‘’.,;:!?()[]…%−-"
"""What may stand around a word or a number without being part of it."""
_LETTERS = re.compile(r"[^\W\d_]+")
_QUOTED = re.compile(r"[\"“„«]([^\"“”„«»]*)[\"”“»]")
_NAMES = re.compile(r"[^\W\d_a-z][\w'’-]*(?:\s+[^\W\d_a-z][\w'’-]*)+")
"""Words in a row that begin with capitals, or with letters of a script that has none."""
# Numbers in words; they are common words, but mean what a number means.
_COUNTED = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million once twice "
    "thrice third half double dozen couple"
)  # fmt: skip
_EXPLAINING = (
    "add adds added appear appears bring brings bought buy buys chance chose choose chosen close compare compared "
    "customer customers data drop drops earlier fell fit fits follow follows frequently given gives good great "
    "helps high highly history important including interest interests interested item items kept latest lead "
    "leads less like likely liked likes list listed low lower mainly matches matter matters method methods model "
    "more mostly near nearest newest often particularly past people person place places popular preference "
    "preferences probability product products ranked ranking ranks rated reason reasons recent recently "
    "recommendation recommended recommends related score scores search seen shopper shows similar speaks strong "
    "stronger strongest strongly suggested suggests suits taken takes taste tastes title took top training tend "
    "tends user users usually view weight within without"
)  # fmt: skip


@dataclass(frozen=True)
class WrittenEvidence:
    """Evidence in words.

    Attributes:
        sentences: what is shown.
        writer: who said it, `template` or `local`.
        refused: what the local writer's text held that the evidence does not; empty where it was shown.
    """

    sentences: tuple[str, ...]
    writer: str
    refused: str = ""


class EvidenceWriter:
    """Says evidence in words, as `explain.writer` asks for.

    Args:
        source: `template`, or `local:PATH`.
        folder: where relative paths start.
        device: of a local model.
        titles: of the whole catalogue: none but those of the evidence may be named.
        store: the folder of the artefacts, where a GGUF file's model is kept.

    Raises:
        ProjectError: there is no such folder.
    """

    def __init__(
        self, source: str, folder: Path, device: str, titles: Iterable[str], store: Path | None = None
    ) -> None:
        kind, _, name = source.partition(":")
        path = folder / Path(name).expanduser()
        self._writer = TextWriter(path, store, device, SETTING) if kind == "local" else None
        self._titles = titles

    def written(self, evidence: Evidence) -> WrittenEvidence:
        """The evidence in words.

        Raises:
            EnvironmentFault: a local model cannot be loaded.
        """
        template = tuple(sentences(evidence))
        if self._writer is None:
            return WrittenEvidence(template, "template")
        text = self.phrase(template)
        refused = unheld(text, template, self._known_titles)
        if not refused and _plain(quoted(evidence.item.title)) not in _plain(text):
            refused = "no word of which item it is about"
        if refused:
            return WrittenEvidence(template, "template", refused)
        return WrittenEvidence((text,), "local")

    def phrase(self, facts: Sequence[str]) -> str:
        """What the local model makes of some sentences; whole sentences on one line."""
        assert self._writer is not None
        asked = writing_prompt("evidence")
        question = asked.prompt.format(facts="\n".join(f"- {fact}" for fact in facts))
        answers = self._writer.answers({question: asked.tokens}, "explanations", keep=False)
        text = " ".join(answers[question].split())
        whole = re.match(r".*[.!?](?=\s|$|[\"”])[\"”]?", text)  # the last sentence may have been cut off
        return whole[0] if whole else text

    @cached_property
    def _known_titles(self) -> list[str]:
        return list(dict.fromkeys(_plain(title) for title in self._titles))


def unheld(text: str, facts: Sequence[str], titles: Iterable[str] = ()) -> str:
    """What a text holds that some sentences do not; empty where there is nothing.

    A number must stand in the sentences as it is. A word must stand in them or be a common one, so that a title cannot
    be made up; words in quotation marks, or capitals in a row, must stand there in that order; and no title of the
    catalogue may be named that the sentences do not name.

    Args:
        text: what somebody wrote.
        facts: the sentences.
        titles: of the catalogue, as `_plain` makes them.
    """
    if not _plain(text):
        return "nothing at all"
    known = _plain(" ".join(facts))
    numbers = {one for fact in facts for one in _pieces(fact) if _is_number(one)}
    words = {word for fact in facts for word in _LETTERS.findall(fact.casefold())} | _common()
    for piece in _pieces(text):
        if _is_number(piece):
            if piece not in numbers:
                return f"the number {piece!r}"
            continue
        for word in _LETTERS.findall(piece):
            if word not in words:
                return f"the word {word!r}"
    for named in (*_QUOTED.findall(text), *_NAMES.findall(text)):
        if _plain(named) not in known:
            return f"the name {named!r}"
    said = f" {_plain(text)} "
    for title in titles:
        if title and f" {title} " in said and f" {title} " not in f" {known} ":
            return f"the title {title!r}"
    return ""


def _pieces(text: str) -> Iterator[str]:
    for piece in text.casefold().split():
        for part in re.split(r"[\"“”„«»/]", piece):
            if bare := part.strip(_EDGES):
                yield bare


def _is_number(piece: str) -> bool:
    return any(char.isnumeric() for char in piece)


def _plain(text: str) -> str:
    """Words and numbers alone, one blank between them."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def _common() -> frozenset[str]:
    """Words that anybody may use: English function words, and those of explanations."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset({*ENGLISH_STOP_WORDS, *_EXPLAINING.split()} - set(_COUNTED.split()))
