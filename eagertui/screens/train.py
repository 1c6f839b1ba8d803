"""Train: one run, live or over: how far, how good, how long, and what it said."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content

from core.run.folder import RunFolder
from core.run.state import TARGET_METRIC, RunState
from eagertui.actions import own_bindings
from eagertui.screens.place import Place
from eagertui.widgets.chart import Chart
from eagertui.widgets.draw import line, metric, safe, when
from eagertui.widgets.lines import Lines
from eagertui.widgets.log_view import LogView
from eagertui.widgets.run_lines import FAINT, headline, hint, metric_lines, stage_lines, story


class TrainScreen(Place):
    """The headline, stages and curves, then metrics and the story."""

    PLACE = "train"
    BINDINGS: ClassVar[list[BindingType]] = [*own_bindings("train")]
    CSS_PATH = "train.tcss"

    def body(self) -> ComposeResult:
        """The panels."""
        yield Lines(id="headline", classes="panel")
        with Horizontal(id="middle"):
            with VerticalScroll(id="stages", classes="panel"):
                yield Lines(id="stage-text")
            yield Chart("loss", colour="$accent", id="loss", classes="panel")
            yield Chart("N@10", of_metric=True, colour="$success", id="valid", classes="panel")
        with Horizontal(id="bottom"):
            with VerticalScroll(id="metrics", classes="panel"):
                yield Lines(id="metric-text")
            yield LogView(id="log", classes="panel")

    def on_mount(self) -> None:
        """Name the panels."""
        super().on_mount()
        self.query_one("#stages").border_title = "Stages"
        self.query_one("#metrics").border_title = "Test"
        log = self.query_one(LogView)
        log.border_title = "Story"
        log.focus()

    @property
    def run_folder(self) -> RunFolder | None:
        """The run that is watched."""
        return self.eager.current

    def news(self) -> None:
        """Draw the run."""
        super().news()
        follower, head = self.eager.follower, self.query_one("#headline", Lines)
        self.set_class(follower is None, "-empty")
        self.refresh_keys()
        if follower is None:
            head.border_title = "Train"
            head.show(lambda width: self._first_steps())
            return
        state, status, folder = follower.state, follower.status, follower.folder
        manifest = self.eager.manifest
        title = " · ".join(
            safe(part)
            for part in (manifest.get("name"), manifest.get("recipe"), when(_number(manifest.get("created"))))
            if part
        )
        head.border_title = Content(f"{title or safe(folder.id)} · {folder.id.rsplit('_', 1)[-1]}")
        asked = self.eager.asked.get(folder.id)
        head.show(lambda width: headline(state, status, asked, width))
        self.query_one("#stage-text", Lines).show(lambda width: stage_lines(state.stages, width))
        self.query_one("#stages").scroll_end(animate=False)
        self._curves(state)
        metrics = self.eager.metrics
        self.set_class(bool(metrics), "-measured")
        self.query_one("#metric-text", Lines).show(lambda width: metric_lines(metrics, width))
        self.query_one(LogView).show(story(state, status, self.eager.printed))

    def _curves(self, state: RunState) -> None:
        losses = [name for name in state.series if name.endswith("loss") and not name.startswith("epoch")]
        name = losses[-1] if losses else "loss"  # that of the latest stage
        loss = state.series.get(name)
        note = f"step {loss.points[-1][0]:,}" if loss and loss.points else ""
        self.query_one("#loss", Chart).show(loss, safe(name).replace("_", " "), note)
        best = state.best
        note = f"best {metric(best.values.get(TARGET_METRIC))}" if best else ""
        if best and self.size.width >= 76:
            note += f" at {best.step:,}"
        label = "valid N@10" if self.size.width >= 76 else "N@10"
        self.query_one("#valid", Chart).show(state.series.get(f"valid {TARGET_METRIC}"), label, note)

    def _first_steps(self) -> list[Content]:
        if self.eager.bridge.project_file is None:
            return [line([("No project is open.", "bold")]), hint("1", "home: the sample, or a project of your own")]
        return [
            line([("No run yet.", "bold")]),
            hint("t", "trains: data, vectors, index, model, metrics"),
            line([("the same without a screen:  ", FAINT), (safe(self.eager.bridge.headless("train")), "bold")]),
        ]


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
