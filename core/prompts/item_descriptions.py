"""Descriptions of items: those of the catalogue, or what a local model makes of them (`texts.items`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace

from core.prompts.text_writer import TextWriter, fault_of, refusals, sentence_of, writing_prompt
from core.prompts.texts import ItemTexts

LONGEST = 600
"""Characters of a title or description in a prompt."""


def written_descriptions(
    writer: TextWriter, texts: ItemTexts, items: Collection[int] | None = None
) -> tuple[ItemTexts, str]:
    """Have a model describe the items; the catalogue's description stays where it fails.

    Args:
        writer: the model.
        texts: of the items; one with neither title nor description is not asked about.
        items: only these; None = all.

    Returns:
        The texts, and how many were asked for and refused.

    Raises:
        EnvironmentFault: the model cannot be loaded.
        StopRequested: somebody asked to stop.
    """
    asked = writing_prompt("item")
    questions = {
        item: asked.prompt.format(
            title=texts.titles[item][:LONGEST] or "no title", about=texts.descriptions[item][:LONGEST] or "no more"
        )
        for item in (range(len(texts.titles)) if items is None else items)
        if texts.titles[item] or texts.descriptions[item]
    }
    written = writer.answers(dict.fromkeys(questions.values(), asked.tokens), "texts about items")
    descriptions, faults = list(texts.descriptions), Counter[str]()
    for item, question in questions.items():
        sentence = sentence_of(written[question])
        if fault := fault_of(sentence, question):
            faults[fault] += 1
        else:
            descriptions[item] = sentence
    source = f"a local model, {writer.path.name}"
    return replace(texts, descriptions=tuple(descriptions), description_from=source), refusals(
        writer, len(questions), faults
    )
