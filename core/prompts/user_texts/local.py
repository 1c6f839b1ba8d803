"""Texts about users, written by a language model that lies on this machine; the template speaks where it fails.

LC-Rec's released code (arXiv 2311.09049) asked `text-davinci-003` for them, which no longer exists; any causal
language model takes its place here. The last training item makes the intent, those before it the preferences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from core.data.arrays import Sequences
from core.index.branches import BranchTable
from core.prompts.text_writer import TextWriter, fault_of, refusals, sentence_of, writing_prompt
from core.prompts.texts import ItemTexts, UserTexts
from core.prompts.user_texts.template import template_texts

HISTORY = 20
"""Titles of a history at most, the newest."""
RECENT = 3
"""Items of a history that are the short term."""
LONGEST = 200
"""Characters of a title or description in a prompt."""
WHATS = (
    "what this person likes in general",
    "which lasting interests this person has",
    "what this person is interested in lately",
)
UNKNOWN = "nothing more is known"


def local_texts(
    writer: TextWriter, train: Sequences, texts: ItemTexts, branches: BranchTable | None, users: Sequence[int]
) -> UserTexts:
    """Have a model write about users.

    Args:
        writer: the model.
        train: training sequences.
        texts: of the items; who has no item with a title is the template's.
        branches: of the index, whose words the template may say.
        users: whom to write about.

    Raises:
        EnvironmentFault: the model cannot be loaded.
        StopRequested: somebody asked to stop.
    """
    intent, preference = writing_prompt("intent"), writing_prompt("preference")
    asked: dict[tuple[int, int], str] = {}  # (user, 0 = intent, 1 ... = preferences) -> question
    tokens: dict[str, int] = {}
    for user in users:
        items = train[user].tolist()
        if items and texts.titles[items[-1]]:
            about = texts.descriptions[items[-1]][:LONGEST] or UNKNOWN
            asked[user, 0] = intent.prompt.format(title=texts.titles[items[-1]][:LONGEST], about=about)
            tokens[asked[user, 0]] = intent.tokens
        before = items[:-1]
        for number, span in enumerate((before, before[:-RECENT], before[-RECENT:])):
            if lines := [texts.titles[item][:LONGEST] for item in span[-HISTORY:] if texts.titles[item]]:
                titles = "\n".join(f"- {line}" for line in lines)
                asked[user, 1 + number] = preference.prompt.format(titles=titles, what=WHATS[number])
                tokens[asked[user, 1 + number]] = preference.tokens
    written = writer.answers(tokens, "texts about users")
    template = template_texts(train, texts, branches, users)
    intents: list[tuple[str, ...]] = [()] * len(train)
    preferences: list[tuple[str, ...]] = [()] * len(train)
    faults: Counter[str] = Counter()
    for (user, part), question in asked.items():
        sentence = sentence_of(written[question])
        fault = fault_of(sentence, question, "" if part else texts.titles[int(train[user][-1])])
        if fault:
            faults[fault] += 1
        elif part == 0:
            intents[user] = (sentence,)
        elif sentence not in preferences[user]:
            preferences[user] += (sentence,)
    for user in users:
        intents[user] = intents[user] or template.intents[user]
        preferences[user] = preferences[user] or template.preferences[user]
    return UserTexts(tuple(intents), tuple(preferences), "local", (refusals(writer, len(asked), faults),))
