"""What every place has: the bar at the top, the keys at the bottom, and the app's news."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.events import Resize
from textual.screen import Screen
from textual.widgets import Static

from core.run.folder import RunFolder
from eagertui.actions import ACTIONS, PLACES, actions_of, shown_key
from eagertui.widgets.draw import FAINT, line
from eagertui.widgets.key_bar import KeyBar
from eagertui.widgets.lines import Lines
from eagertui.widgets.place_bar import PlaceBar
from eagertui.widgets.run_lines import hint
from eagertui.widgets.tour_bar import TourBar, TourHint, hint_for

if TYPE_CHECKING:
    from eagertui.app import EagerApp


NO_PROJECT = [line([("No project is open.", "bold")]), hint("1", "home: the sample, or a project of your own logs")]
"""What a place shows before there is anything to show."""
READING = line([("reading the runs", FAINT)])
"""What it shows before it is known whether there is."""
GOT_IT = next(action for action in ACTIONS if action.id == "got-it")
SMALLEST = (40, 12)
"""Columns and lines below which a place shows a notice instead of itself."""


class Place(Screen[None]):
    """A full screen; a subclass says what stands between the bars."""

    PLACE: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        self._possible: tuple[bool | None, ...] = ()

    @property
    def eager(self) -> EagerApp:
        """The app, by its own type."""
        return cast("EagerApp", self.app)

    @property
    def run_folder(self) -> RunFolder | None:
        """The run that the keys of this place mean."""
        return None

    def compose(self) -> ComposeResult:
        """The bars around the place's body, and what stands in its place without a project, or without room."""
        yield PlaceBar(self.PLACE)
        yield from self.body()
        if self.PLACE != "home":
            yield Lines(id="no-project", classes="panel")
        yield TourBar()
        yield Static("Too small: at least 40 × 12.\nq quits.", id="too-small", markup=False)
        yield KeyBar()

    def on_resize(self, event: Resize) -> None:
        """Below a size nothing can be read; the keys still work."""
        self.set_class(event.size.width < SMALLEST[0] or event.size.height < SMALLEST[1], "-too-small")

    def body(self) -> ComposeResult:
        """What stands between the bars."""
        yield from ()

    def on_mount(self) -> None:
        """Listen to the app's news."""
        for panel in self.query("#no-project").results(Lines):
            panel.border_title = PLACES[self.PLACE]
            panel.show(lambda width: NO_PROJECT)
        self.eager.runs_changed.subscribe(self, self._news)
        self.eager.run_changed.subscribe(self, self._news)
        self.news()

    def on_screen_resume(self) -> None:
        """What changed while another place was shown."""
        self.news()

    def _news(self, _: object) -> None:
        if self.is_current:
            self.news()

    def refresh_keys(self) -> None:
        """Let the footer look again, if anything can be done now that could not before, or the other way round."""
        names = [action.run.removeprefix("app.") for action in actions_of(self.PLACE) if action.run.startswith("app.")]
        state = self.eager.follower.status.paused if self.eager.follower else None
        possible = (state, *(self.eager.check_action(name.partition("(")[0], ()) for name in names))
        if possible != self._possible:
            self._possible = possible
            self.refresh_bindings()

    def news(self) -> None:
        """Draw what the app knows now."""
        self.query_one(PlaceBar).show_project(self.eager.project_name)
        self.set_class(self.PLACE != "home" and self.eager.bridge.project_file is None, "-no-project")
        self.show_tour()

    def tour_hint(self) -> TourHint | None:
        """The hint of the tour that belongs here now; on the demo alone."""
        if not self.eager.bridge.demo:
            return None
        return hint_for(self.PLACE, self.has_class("-answered"), frozenset(self.eager.memory.get("tour", [])))

    def show_tour(self) -> None:
        """Show it, or that there is none."""
        self.query_one(TourBar).show_hint(self.tour_hint(), shown_key(GOT_IT, self.eager.config.keys))
