"""What stands beside the model's list: a baseline's, or another run's, for the same history and restrictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from textual import work

from core.errors import EagerError
from eagertui.places.explore.explore_question import ExploreQuestion, Taken
from eagertui.places.explore.finding_who import FindingWho

NO_OTHER = "there is no other run in this project that can be asked"


class Beside(FindingWho):
    """The keys that put another list beside the model's own."""

    @property
    def beside_name(self) -> str:
        """Whose list stands beside; empty where none does."""
        return str(self.beside_list.get("run") or self.beside_list.get("baseline") or "")

    async def list_beside(self, question: ExploreQuestion, history: Sequence[Taken]) -> dict[str, Any]:
        """The list of whoever stands beside now, for another question; empty where nobody does.

        Args:
            question: that the model's own list answers.
            history: that it follows, oldest first.

        Raises:
            EagerError: there is no answer.
        """
        if run := self.beside_list.get("run"):
            return await self._of_run(question, history, run)
        if name := self.beside_list.get("baseline"):
            return await self.asked("baseline_list", "beside", **question.params(), baseline=name)
        return {}

    @work(group="ask", exclusive=True, exit_on_error=False)
    async def action_beside(self) -> None:
        """The list of the next baseline beside the model's; after the last one, none."""
        question, before = self.question, self.beside_list
        if question is None or question.empty:
            return
        names = before.get("baselines") or []
        if names and before.get("baseline") == names[-1]:
            self.beside_list = {}
        else:
            try:
                wanted = _next_baseline(before)
                self.beside_list = await self.asked("baseline_list", "beside", **question.params(), **wanted)
            except EagerError as error:
                self.eager.complain(error)
                return
        await self.eager.serve_beside(None)
        self.show_answer()

    @work(group="ask", exclusive=True, exit_on_error=False)
    async def action_run_beside(self) -> None:
        """The list of the project's next run beside this one's; after the last one, none."""
        question = self.question
        if question is None or question.empty:
            return
        others = [run.folder for run in self.eager.runs if run.explorable and run.folder != self.run_folder]
        if not others:
            self.eager.tell(NO_OTHER, severity="warning")
            return
        names = [folder.id for folder in others]
        shown = self.beside_list.get("run")
        place = names.index(shown) + 1 if shown in names else 0
        self.beside_list = {}
        self.waiting.start(f"loading {names[place]}" if place < len(names) else "")
        try:
            await self.eager.serve_beside(others[place] if place < len(names) else None)
            if place < len(names):
                self.beside_list = await self._of_run(question, self.history, names[place])
        except EagerError as error:
            self.eager.complain(error)
        self.rest()
        self.show_answer()

    async def _of_run(self, question: ExploreQuestion, history: Sequence[Taken], run: str) -> dict[str, Any]:
        """Another run's list after the same history.

        Raises:
            EagerError: its own, e.g. that it does not know an item; or that its process is gone.
        """
        client = self.eager.beside
        if client is None or not client.ready:
            raise EagerError(f"run {run} is not loaded")
        same = replace(question, basket=tuple(history))
        return {**await client.ask("recommend", channel="beside", **same.params()), "run": run}


def _next_baseline(beside: dict[str, Any]) -> dict[str, str]:
    """The baseline after the one that is shown."""
    names, name = beside.get("baselines") or [], beside.get("baseline")
    at = names.index(name) + 1 if name in names else 0
    return {"baseline": names[at]} if at < len(names) and names else {}
