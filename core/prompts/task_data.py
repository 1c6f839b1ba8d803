"""What a project's tasks say: wordings, texts and rows, gathered when the first task asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from core.assets import assets_path
from core.data.dataset import Dataset
from core.index.branches import BranchTable
from core.index.table import ItemIndex
from core.model.vocabulary import Vocabulary
from core.project import Project
from core.prompts.material import gather
from core.prompts.tasks import Material, TaskRows, task_rows
from core.run.reporter import Reporter
from core.settings import StageSettings

HELD_OUT = 1
"""Wordings of every task, the last ones, that no row is trained in: what a model learnt is asked in those."""
ROW_TOKENS = 1024
"""Tokens of a row at most."""
SAID = frozenset({"intent-to-code", "intent-history-to-code", "preference"})
"""Tasks that need texts about users."""


class Speech:
    """Frames and rows of a project's tasks.

    Args:
        project: the settings.
        dataset: logs and catalogue.
        index: codes of the items.
        vocabulary: tokenizer and codes.
        codes: the artefact of the index stage, whose words the template may use.
        reporter: hears what is gathered.
    """

    def __init__(
        self,
        project: Project,
        dataset: Dataset,
        index: ItemIndex,
        vocabulary: Vocabulary,
        codes: Path,
        reporter: Reporter,
    ) -> None:
        self.project, self.dataset, self.index = project, dataset, index
        self.vocabulary, self.codes, self.reporter = vocabulary, codes, reporter

    @cached_property
    def material(self) -> Material:
        """What rows are made of.

        Raises:
            ProjectError: a wording or a file of texts cannot be used.
        """
        asked = {name for stage in self.project.tune.stages for name, weight in stage.tasks.items() if weight}
        said = bool(asked & SAID)
        branches = BranchTable.load(self.codes) if said and (self.codes / "branches.parquet").is_file() else None
        return gather(
            self.project, self.dataset, self.index, self.vocabulary, ROW_TOKENS, said=said, branches=branches,
            reporter=self.reporter,
        )  # fmt: skip

    def trained(self, task: str) -> tuple[int, ...]:
        """Numbers of the wordings that rows are trained in."""
        count = len(self.material.renderer.wordings[task])
        return tuple(range(max(1, count - HELD_OUT)))

    @cached_property
    def frames(self) -> tuple[tuple[int, ...], ...]:
        """What may stand before a history, as token ids; the first is that of evaluation and recommendation."""
        if not self.project.tune.worded:
            return (self.vocabulary.frame,)
        return tuple(self.material.renderer.frame_ids(number) for number in self.trained("sequential"))

    def rows(self, task: str) -> TaskRows:
        """The rows of a task, in the wordings that are trained."""
        return task_rows(task, self.material, self.trained(task))

    def files(self, stages: Sequence[StageSettings]) -> list[Path]:
        """The files of the wordings that the stages use."""
        asked = {name for stage in stages for name, weight in stage.tasks.items() if weight and name != "sequential"}
        asked |= {"sequential"} if self.project.tune.worded else set()
        own = self.project.resolve(self.project.texts.prompts) if self.project.texts.prompts else None
        built_in = assets_path() / "prompts"
        return [
            own / f"{name}.toml" if own and (own / f"{name}.toml").is_file() else built_in / f"{name}.toml"
            for name in sorted(asked)
        ]
