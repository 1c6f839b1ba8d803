"""Train: one run, live or over: how far, how good, how long, and what it said."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.widget import Widget

from core.run.folder import RunFolder
from core.run.stage_plan import StagePlan
from core.run.state import RunState
from core.run.status import Status
from core.run.watched_list import Watched
from core.safe_json import moment
from eagertui.actions import own_bindings
from eagertui.places.place import READING, Place
from eagertui.places.train.curve_grid import CurveGrid
from eagertui.places.train.lines import headline, read_plan, stage_lines, title
from eagertui.places.train.log_view import LogView
from eagertui.places.train.stage_list import StageList
from eagertui.places.train.story import matching, story
from eagertui.places.train.system_panel import panel, strip
from eagertui.widgets.draw import FAINT, Part, line, safe, when
from eagertui.widgets.filter_bar import FilterBar
from eagertui.widgets.lines import Draw as DrawLines
from eagertui.widgets.lines import DrawFitted, Fitted, Lines
from eagertui.widgets.run_lines import hint, metric_lines

LOW = 17
"""Lines below which the curves and the story take turns."""
OUTPUT_LINES = 200
OUTPUT_INTERVAL = 1.0
"""Seconds between two looks at what the engine printed."""


@dataclass(frozen=True)
class Seen:
    """What is drawn of a run; held still, it stays while the run works on."""

    folder: RunFolder
    state: RunState
    status: Status
    manifest: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    printed: list[str] = field(default_factory=list)


class TrainScreen(Place):
    """The headline, the curves, the machine, and then stages, metrics and the story."""

    PLACE = "train"
    BINDINGS: ClassVar[list[BindingType]] = [*own_bindings("train")]
    CSS_PATH = "style.tcss"

    def __init__(self) -> None:
        super().__init__()
        self._seen: Seen | None = None
        self._held: float | None = None
        """When the view was held still, in Unix seconds."""
        self._plan = StagePlan()
        self._planned: tuple[RunFolder, int] | None = None
        """The run whose plan was read, and at which of its stages."""
        self._pane = ""
        """What stands at the bottom: nothing for the story, `stages`, `output`; `story` where it has no place."""
        self._output: list[str] = []
        self._output_at = 0.0
        self._keys: tuple[bool, ...] = ()

    def body(self) -> ComposeResult:
        """The panels."""
        yield Fitted(id="headline", classes="panel")
        memory = self.eager.memory
        yield CurveGrid(memory.get, memory.set, self.eager.config.symbols, id="charts")
        yield Fitted(id="strip")
        with Horizontal(id="bottom"):
            with StageList(id="stages", classes="panel"):
                yield Lines(id="stage-text")
            with VerticalScroll(id="metrics", classes="panel"):
                yield Lines(id="metric-text")
            with Vertical(id="told"):
                yield FilterBar("/ a word of the story; !word hides", id="filter")
                yield LogView(id="log", classes="panel")
            yield Fitted(id="system", classes="panel")

    def on_mount(self) -> None:
        """Name the panels, and draw as it was last time."""
        self.query_one("#stages").border_title = "Stages"
        self.query_one("#metrics").border_title = "Test"
        self.query_one("#system").border_title = "Machine"
        self.query_one(LogView).focus()
        self.set_interval(1.0, self._wait_on)
        super().on_mount()

    def on_resize(self, event: Resize) -> None:
        """How many charts there are depends on the room."""
        super().on_resize(event)
        self.set_class(event.size.width >= 160, "-vast")
        self.set_class(event.size.height < LOW, "-low")
        self.call_after_refresh(self._draw)
        self.call_after_refresh(self._focus_again)

    def _focus_again(self) -> None:
        """The keys go to the story, or to the test figures that stand in its place for want of room."""
        if self.is_current and not _seen(self.focused):
            panels = (self.query_one(LogView), self.query_one("#metrics"), self.query_one("#stages"))
            self.set_focus(next((panel for panel in panels if _seen(panel)), None))

    @property
    def _curves(self) -> CurveGrid:
        return self.query_one(CurveGrid)

    @property
    def run_folder(self) -> RunFolder | None:
        """The run that is watched."""
        return self.eager.current

    @property
    def held(self) -> bool:
        """Whether the view is held still."""
        return self._held is not None

    def copy_text(self) -> str:
        """The command that does the same without a screen."""
        return self._command()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a run there is nothing to look into."""
        if action in ("hold", "output", "next_metric", "log_scale", "smooth", "zoom", "zoom_reset", "filter"):
            live = self._seen is not None and self._seen.status.live
            return live or self.held if action == "hold" else self._seen is not None
        if action == "watched_lists":
            return self._seen is not None and bool(self._seen.state.watched)
        return True

    # --- news -------------------------------------------------------------------------------------------------------

    def news(self) -> None:
        """Take what the app knows now, unless the view is held, and draw it."""
        super().news()
        follower = self.eager.follower
        if follower is None or (self._seen is not None and self._seen.folder != follower.folder):
            self._seen, self._held, self._output, self._pane = None, None, [], ""
        if follower is not None and not self.held:
            eager = self.eager
            self._seen = Seen(
                follower.folder, follower.state, follower.status, eager.manifest, eager.metrics, eager.printed
            )
            self._look_ahead()
        self._refresh_own_keys()
        self._draw()

    def _look_ahead(self) -> None:
        """Read the plan of a run when it is new, and what it prints while that is looked at."""
        assert self._seen is not None
        folder, stages = self._seen.folder, len(self._seen.state.stages)
        if self._planned is None or self._planned[0] != folder:
            self._plan = StagePlan()
        if self._planned != (folder, stages) and not self._plan.seconds:
            self._planned = (folder, stages)
            self._read_plan(folder)
        if self._pane == "output" and time.monotonic() - self._output_at >= OUTPUT_INTERVAL:
            self._read_output(folder)

    @work(group="plan", exclusive=True, exit_on_error=False)
    async def _read_plan(self, folder: RunFolder) -> None:
        self._plan = await asyncio.to_thread(read_plan, folder.path)
        self._draw()

    @work(group="output", exclusive=True, exit_on_error=False)
    async def _read_output(self, folder: RunFolder) -> None:
        self._output_at = time.monotonic()
        self._output = await asyncio.to_thread(folder.log_tail, OUTPUT_LINES)
        self._draw_story()

    def _wait_on(self) -> None:
        """Go on counting the seconds of a run that was asked to stop, though it tells nothing."""
        seen = self._seen
        if seen is not None and seen.status.live and seen.folder.id in self.eager.asked and self.is_current:
            self._draw()

    def _refresh_own_keys(self) -> None:
        self.refresh_keys()
        seen = self._seen
        keys = (seen is not None, seen is not None and seen.status.live, self.held, bool(seen and seen.state.watched))
        if keys != self._keys:
            self._keys = keys
            self.refresh_bindings()

    # --- drawing ----------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        seen, head = self._seen, self.query_one("#headline", Fitted)
        self.set_class(seen is None, "-empty")
        if seen is None:
            head.border_title, head.border_subtitle = "Train", ""
            head.styles.height = None
            head.show(lambda width, height: self._first_steps())
            return
        state, status, plan = seen.state, seen.status, self._plan
        classes = {
            "-measured": bool(seen.metrics),
            "-live": status.live,
            "-bad": status.state in ("failed", "lost"),
            "-held": self.held,
            "-told": self._pane in ("story", "output"),
            "-stages": self._pane == "stages",
        }
        self.update_classes(classes)
        if not _seen(self.focused):
            self.call_after_refresh(self._focus_again)
        created = moment(seen.manifest.get("created"))
        head.border_title = Content(title(seen.manifest, seen.folder.id, when(created) if created else ""))
        asked = self.eager.asked.get(seen.folder.id)
        lines = headline(state, status, asked, plan, max(1, head.content_size.width))
        head.styles.height = len(lines) + 2  # set by hand: "auto" would lay the whole screen out at every step
        head.show(lambda width, height: headline(state, status, asked, plan, width))
        head.border_subtitle = self._below_headline()
        self._show_lines(
            "#stage-text",
            lambda width: stage_lines(state.stages, plan, width, status.live, state),
        )
        self.query_one(StageList).follow(len(state.stages), len(plan.names))
        self._show_lines("#metric-text", lambda width: metric_lines(seen.metrics, width))
        symbols = self.eager.config.symbols
        self._show_fitted("#strip", lambda width, height: [strip(state, width, symbols)])
        self._show_fitted("#system", lambda width, height: panel(state, width, height, symbols))
        self._draw_story()
        what = "the curves begin with the first training" if status.live else "this run drew no curves"
        self._curves.show(state, what)

    def _show_lines(self, selector: str, draw: DrawLines) -> None:
        widget = self.query_one(selector, Lines)
        if widget.parent is not None and widget.parent.display:
            widget.show(draw)

    def _show_fitted(self, selector: str, draw: DrawFitted) -> None:
        widget = self.query_one(selector, Fitted)
        if widget.display:
            widget.show(draw)

    def _below_headline(self) -> Content:
        assert self._seen is not None
        if self._held is not None:
            follower = self.eager.follower
            behind = follower.state.last_seq - self._seen.state.last_seq if follower else 0
            events = f"{behind:,} event{'' if behind == 1 else 's'} behind"
            at = time.strftime("%H:%M:%S", time.localtime(self._held))
            return line([(f"‖ view held at {at}, {events}  ", "bold $warning"), ("space", "bold $accent"), " follows"])
        command = self._command()
        return line([(command, FAINT)]) if self._fits(command) else Content("")

    def _fits(self, command: str) -> bool:
        """Whether the command stands below the headline; else it is told with the story."""
        return len(command) <= self.size.width - 6

    def _command(self) -> str:
        """The command that does the same without a screen."""
        seen, bridge = self._seen, self.eager.bridge
        if seen is None or seen.status.state == "finished":
            return safe(bridge.headless("train"))
        return safe(bridge.headless("train", "--run", seen.folder.id.rsplit("_", 1)[-1]))

    def _draw_story(self) -> None:
        seen, log = self._seen, self.query_one(LogView)
        if seen is None:
            return
        wanted = self.query_one(FilterBar).text
        if self._pane == "output":
            lines: list[tuple[Part, ...]] = [((safe(text), ""),) for text in self._output]
            name = "stdout.log"
            lines = lines or [(("the engine printed nothing", FAINT),)]
        else:
            lines = story(seen.state, seen.status, seen.printed)
            name = "Story"
        found = matching(lines, wanted)
        log.border_title = name
        log.border_subtitle = Content(f"/ {safe(wanted)}  {len(found):,} of {len(lines):,}" if wanted else "")
        if not wanted and self._pane != "output" and not self._fits(command := self._command()):
            told: tuple[Part, ...] = (("$ ", FAINT), (command, "bold"))
            found = [*found, told] if self.has_class("-tall") else [told, *found]
        log.show(found)

    def _first_steps(self) -> list[Content]:
        if not self.eager.runs_read:
            return [READING]
        return [
            line([("No run yet.", "bold")]),
            Content(""),
            hint("2", "shows what is in the data"),
            hint("t", "trains: data, vectors, index, model, metrics"),
            line([("the same without a screen:", FAINT)]),
            line([("  " + safe(self.eager.bridge.headless("train")), "bold")]),
        ]

    # --- keys -------------------------------------------------------------------------------------------------------

    @property
    def _takes_turns(self) -> bool:
        """Whether the story has no room of its own beside the metrics or the curves."""
        return self.has_class("-low") or (self.has_class("-tiny") and self.has_class("-measured"))

    @property
    def _stages_apart(self) -> bool:
        """Whether the stages have no room of their own beside the story or the metrics."""
        no_room = self.has_class("-measured") and not self.has_class("-vast")
        return no_room or self.has_class("-tiny") or self.has_class("-low")

    def action_hold(self) -> None:
        """Hold the view still, or follow again."""
        self._held = time.time() if self._held is None else None
        self.news()

    def action_output(self) -> None:
        """The stages alone where they have no room, what the engine printed, and then the story again."""
        wanted = {"": True, "story": self._takes_turns, "stages": self._stages_apart, "output": True}
        panes = [name for name, there in wanted.items() if there]
        at = panes.index(self._pane) if self._pane in panes else 0
        self._pane = panes[(at + 1) % len(panes)]
        if self._pane == "output" and self._seen is not None:
            self._read_output(self._seen.folder)
        self._draw()
        self.query_one(LogView).follow()

    def action_filter(self) -> None:
        """Type what the lines must hold."""
        if self._takes_turns and not self._pane:
            self.action_output()
        self.query_one(FilterBar).open()

    @on(FilterBar.Filtered)
    def _filtered(self) -> None:
        self._draw_story()

    @on(FilterBar.Left)
    def _filter_left(self) -> None:
        self.query_one(LogView).focus()

    def action_watched_lists(self) -> None:
        """What a few fixed users would get after every epoch."""
        from eagertui.overlays.watched_lists import WatchedListsScreen

        def watched() -> Watched:
            return self._seen.state.watched if self._seen is not None else {}

        self.app.push_screen(WatchedListsScreen(watched, self._explore_user))

    def _explore_user(self, user: str) -> None:
        self.eager.user = user
        self.eager.action_explore()

    def action_next_metric(self) -> None:
        """Show the next curves."""
        self._curves.next_set()

    def action_log_scale(self) -> None:
        """Logarithmic or plain height of the loss, or of the chart with the focus."""
        self._curves.toggle_log()

    def action_smooth(self) -> None:
        """Smooth the curves more, or no longer."""
        self._curves.smooth()

    def action_zoom(self, direction: int) -> None:
        """Look closer, or at more."""
        self._curves.zoom(closer=direction > 0)

    def action_zoom_reset(self) -> None:
        """Look at the whole curves."""
        self._curves.whole()


def _seen(widget: Widget | None) -> bool:
    """Whether a widget and all it stands in are displayed."""
    return widget is not None and all(node.display for node in widget.ancestors_with_self if isinstance(node, Widget))
