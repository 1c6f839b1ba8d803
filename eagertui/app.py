"""The terminal application: it looks at runs and asks for things; the engine does its work in other processes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from textual import work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.command import CommandPalette, Provider
from textual.events import Key
from textual.screen import Screen

from core.errors import EagerError, EnvironmentFault
from core.run.folder import RunFolder
from core.run.status import UNFINISHED
from eagertui.actions import ACTIONS, PLACES, actions_of, app_bindings, clashes, shown_key
from eagertui.bridge import Bridge
from eagertui.catalogue import Catalogue
from eagertui.config import Config, Memory, config_path, state_path
from eagertui.places.home.screen import HomeScreen
from eagertui.places.place import Place
from eagertui.plain import visible
from eagertui.textual_private import Palette, knows_styles
from eagertui.themes import THEMES
from eagertui.tidying import TidyingApp
from eagertui.widgets.draw import line
from eagertui.widgets.run_lines import summary

OVER_A_PLACE = frozenset(
    {
        "go",
        "go_back",
        "train",
        "build_index",
        "new_project",
        "sample",
        "demo",
        "explore",
        "resume",
        "stop_run",
        "delete_run",
        "name_run",
        "pin_run",
        "prune",
    }
)
"""Actions of a place that must not begin below a form."""


def _content() -> type[Provider]:
    """What the palette finds beside commands, loaded when it is opened."""
    from eagertui.overlays.palette_content import ContentProvider

    return ContentProvider


def _screen(place: str) -> Callable[[], Screen[Any]]:
    """A place's screen, its module loaded when somebody goes there."""

    def make() -> Screen[Any]:
        return knows_styles(getattr(import_module(f"eagertui.places.{place}.screen"), f"{place.title()}Screen")())

    return make


class EagerApp(TidyingApp):
    """EagerTUI.

    Args:
        project: the project file or its folder; None where there is none yet.
        place: where to begin; empty: where the project was left.
        overrides: `--set` texts for the runs that are started here.
        engine: the engine's command line instead of our own (tests).
        config: the person's own settings.
        memory: what the app remembers; without one it forgets everything at its end.
        user: whose recommendations to show first.
    """

    TITLE = "EagerTUI"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*app_bindings()]
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "home": HomeScreen,
        **{place: _screen(place) for place in PLACES if place != "home"},
    }
    DEFAULT_MODE = "home"
    COMMANDS = App.COMMANDS | {_content}
    NOTIFICATION_TIMEOUT = 4.0
    # Textual declares these two as instance variables by mistake, so ClassVar is not possible.
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (70, "-narrow"), (78, "-normal"), (120, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (22, "-middle"), (36, "-tall")]  # noqa: RUF012

    def __init__(
        self,
        project: Path | None = None,
        place: str = "",
        overrides: Sequence[str] = (),
        engine: Sequence[str] | None = None,
        config: Config | None = None,
        memory: Memory | None = None,
        user: str = "",
    ) -> None:
        super().__init__(Bridge(project, overrides, engine), memory or Memory(None))
        self.config = config or Config()
        self.catalogue = Catalogue()
        self.user = user
        self._first_place = place or self.place_before()
        for theme in THEMES:
            self.register_theme(theme)
        wanted = self.config.theme or self.memory.get("theme", "")
        self.theme = wanted if wanted in self.available_themes else THEMES[0].name
        if not self.config.animation:
            self.animation_level = "none"
        self.set_keymap(dict(self.config.keys))

    def on_mount(self) -> None:
        """Go to the place that was asked for."""
        if self._first_place != "home":
            self.switch_mode(self._first_place)

    def on_ready(self) -> None:
        """Begin to look at the project, now that the first frame is there."""
        problems = list(self.config.problems)
        if self.config.theme and self.theme != self.config.theme:
            problems.append(f"theme: there is no {self.config.theme}; {self.theme} is used")
        if problems:
            self.tell_list(f"{config_path().name}: the rest of it counts", problems)
        self.theme_changed_signal.subscribe(self, lambda theme: self.memory.set("theme", theme.name))
        self.poll_project()
        self.poll_projects()
        self.set_timer(1.0, self._settle)

    async def _settle(self) -> None:
        """While a person reads the first screen, load the others, so that the first key to each of them is quick too.

        What was loaded is then left out of later garbage collections: a full one would hold a key for 50 ms.
        """
        names = [
            *(f"places.{place}.screen" for place in PLACES),
            "overlays.help", "overlays.ask", "forms.start_training", "places.data.frames",
        ]  # fmt: skip
        await asyncio.to_thread(lambda: [import_module(f"eagertui.{name}") for name in names])
        self.stylesheet.read_all(sorted(Path(__file__).parent.glob("*/**/*.tcss")))
        gc.freeze()

    def delay_update(self, delay: float = 0.01) -> None:
        """Hold the picture while a screen is exchanged; Textual's 50 ms are felt at every change of the place."""
        super().delay_update(delay)

    # --- places -----------------------------------------------------------------------------------------------------

    def action_move(self, key: str) -> None:
        """Press another key instead: what has the focus moves by it."""
        self.post_message(Key(key, None))

    def action_explore(self) -> None:
        """Go to the recommendations of the run that is meant."""
        self.chosen = self.meant() or self.chosen
        self.action_go("explore")

    def action_help(self) -> None:
        """Show every key of this place."""
        from eagertui.overlays.help import HelpScreen

        name = f"help {self.keys_place}"
        if not self.is_screen_installed(name):
            self.install_screen(HelpScreen(self.keys_place, self.config.keys), name)
        self.push_screen(name)  # made once: the next time it is there at once

    def action_command_palette(self) -> None:
        """Show every action that can be done now, by name."""
        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def show_project(self, file: Path) -> None:
        """Open a project, and show its runs."""
        if file != self.bridge.project_file:
            self.open_project(file)
        self.action_go("home")

    def show_run(self, folder: RunFolder) -> None:
        """Show a run's story."""
        self.look_at(folder)
        self.action_go("train")

    async def show_item(self, item_id: str) -> None:
        """Show an item's code, siblings and neighbours."""
        from eagertui.places.index.screen import IndexScreen

        self.action_go("index")
        if isinstance(self.screen, IndexScreen):
            self.screen.show_item(item_id)

    def show_document(self, path: Path) -> None:
        """Show a page of the documentation."""
        from eagertui.overlays.document import DocumentScreen

        self.push_screen(DocumentScreen(path))

    def set_theme(self, name: str) -> None:
        """Draw the app in other colours."""
        self.theme = name

    def action_about(self) -> None:
        """Show versions, machine and paths."""
        from eagertui.overlays.about import AboutScreen

        self.push_screen(AboutScreen())

    def action_copy(self) -> None:
        """Copy what is under the cursor to the terminal's clipboard."""
        text = self.screen.get_selected_text()
        if not text:
            owners = [self.focused, *(self.focused.ancestors if self.focused else ()), self.screen]
            texts = (owner.copy_text() for owner in owners if hasattr(owner, "copy_text"))
            text = next((text for text in texts if text), "")
        if not text:
            self.tell("nothing to copy here", severity="warning")
            return
        self.copy_to_clipboard(text)  # OSC 52: it works over ssh too
        shown = text.splitlines()[0]
        self.tell(f"copied: {shown[:60]}{'…' if len(text) > min(60, len(shown)) else ''}")

    def action_next_theme(self) -> None:
        """Turn to the next theme."""
        names = [theme.name for theme in THEMES]
        self.theme = names[(names.index(self.theme) + 1) % len(names)] if self.theme in names else names[0]
        self.tell(f"theme: {self.theme}")

    @property
    def keys_place(self) -> str:
        """The place or form whose keys work now."""
        return str(getattr(self.screen, "PLACE", "") or self.current_mode)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: our own actions with their keys, and Textual's screenshot and panels."""
        for action in actions_of(str(getattr(screen, "PLACE", "") or self.current_mode)):
            if self._possible(action.run):
                run = action.run if "." in action.run else f"screen.{action.run}"
                label = f"{action.label}  ({shown_key(action, self.config.keys)})"
                yield SystemCommand(label, action.help, lambda run=run: self.run_action(run))
        for command in super().get_system_commands(screen):
            if command.title in ("Screenshot", "Maximize", "Minimize"):
                yield command

    @property
    def _meant_screen(self) -> Screen[Any]:
        """The screen that the keys and the palette speak of."""
        return self.screen_stack[-2] if isinstance(self.screen, CommandPalette) else self.screen

    def label_of(self, binding: Binding) -> str:
        """What a key does now, in a word or two."""
        paused = self.follower is not None and (self.follower.status.paused or self.follower.state.paused)
        return "Go on" if binding.id == "pause" and paused else binding.description

    def _possible(self, action: str) -> bool:
        return bool(self.check_action(action.removeprefix("app.").partition("(")[0], ()))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide what makes no sense here and now."""
        if action in OVER_A_PLACE and not isinstance(self._meant_screen, Place):
            return False  # a form or a question lies over the place
        if action == "sample":
            return not self.runs
        if action in ("train", "build_index", "prune", "edit_project") and self.bridge.project_file is None:
            return False
        if action in ("name_run", "pin_run"):
            return self.meant() is not None
        if action in ("stop_run", "pause_run", "checkpoint_run", "resume", "explore"):
            folder = self.meant()
            status = self.status_of(folder) if folder else None
            if status is None:
                return False
            if action == "resume":
                return status.state in UNFINISHED and not status.live and folder is not None and folder.path.is_dir()
            if action == "explore":
                return any(run.folder == folder and run.explorable for run in self.runs)
            return status.live
        return True

    # --- leaving ----------------------------------------------------------------------------------------------------

    def action_help_quit(self) -> None:
        """What ctrl+c does: it ends other programs, and a person may expect that here."""
        quit_key = next(shown_key(action, self.config.keys) for action in ACTIONS if action.id == "quit")
        self.tell(f"{quit_key} quits, ctrl+z goes to the shell; what trains goes on without the app")

    async def action_quit(self) -> None:
        """Textual's own quit, with our manners."""
        self.action_quit_app()

    @work(group="quit", exclusive=True)
    async def action_quit_app(self) -> None:
        """Leave; where something trains, say what becomes of it."""
        from eagertui.overlays.ask import Answer, AskScreen

        live = [run for run in self.runs if run.status.live]
        if live:
            names = "\n".join(summary(run) for run in live[:4])
            text = line([(names, "bold"), "\n\nTraining is a process of its own: it goes on without this window, and "
                         "eagertui attaches to it again."])  # fmt: skip
            answers = [
                Answer("leave", "l", "Quit, leave it running"),
                Answer("stop", "s", "Stop and save, then quit"),
                Answer("no", "esc", "Stay"),
            ]
            answer = await self.push_screen_wait(AskScreen("A run is at work", text, answers))
            if answer == "no":
                return
            if answer == "stop":
                for run in live:
                    with contextlib.suppress(EagerError):
                        self.bridge.send(run.folder, "stop")
        await self.serve_beside(None)
        if self.serving is not None:
            await self.serving.close()
        self.exit()


def run_app(project: Path | None, place: str = "", overrides: Sequence[str] = (), user: str = "") -> int:
    """Open the app and stay in it until the person leaves.

    Args:
        project: a project file or its folder; None: `project.toml` here, if there is one.
        place: where to begin; empty: where the project was left.
        overrides: `--set` texts for the runs that are started in the app.
        user: whose recommendations to show first.

    Returns:
        The exit code of the process.

    Raises:
        EnvironmentFault: where there is no terminal.
    """
    if not (sys.stdin.isatty() and sys.__stderr__ is not None and sys.__stderr__.isatty()):
        raise EnvironmentFault("no terminal to draw the app on", "without a screen: eagertui --headless VERB")
    if project is None and Path("project.toml").is_file():
        project = Path("project.toml")
    config = Config.load(config_path(), frozenset(action.id for action in ACTIONS), clashes)
    app = EagerApp(project, place, overrides, config=config, memory=Memory(state_path()), user=user)
    app.run()
    for run in app.bridge.runs():
        if run.status.live:
            print(f"{visible(run.id)} goes on without the app; `eagertui` attaches to it again", file=sys.stderr)
    return app.return_code or 0
