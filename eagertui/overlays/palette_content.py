"""What the palette finds beside commands: projects, runs, items, settings, themes and pages of the documentation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from textual.command import Hit, Hits, Provider
from textual.content import Content

from core.assets import assets_path
from core.errors import EagerError
from core.project import all_settings
from eagertui.places.place import Place
from eagertui.plain import from_home
from eagertui.widgets.draw import FAINT, safe, short_id, state_word, when

if TYPE_CHECKING:
    from eagertui.app import EagerApp

ITEMS = 20
"""Items that a text finds at most."""
SHORTEST = 2
"""Letters from which items are looked for."""


@dataclass(frozen=True)
class Find:
    """One thing to go to: its name, what it is, a sentence, and the way there."""

    name: str
    kind: str
    help: str
    go: Callable[[], object]


class ContentProvider(Provider):
    """Finds what the app knows by name."""

    @property
    def eager(self) -> EagerApp:
        """The app, by its own type."""
        return cast("EagerApp", self.app)

    async def startup(self) -> None:
        """Read what is read from the disk, once for every time that the palette is opened."""
        self._docs = await asyncio.to_thread(documents)
        folders = [self.eager.current, *(run.folder for run in self.eager.runs)]
        await self.eager.catalogue.look([folder for folder in folders if folder is not None])

    async def search(self, query: str) -> Hits:
        """Everything whose name fits."""
        matcher = self.matcher(query)
        for entry in self._entries():
            name = safe(entry.name)
            score, offsets = matcher.fuzzy_search.match(query, name)
            if score > 0 or query.lower() in entry.kind:
                shown = Content(name)
                for offset in offsets:
                    shown = shown.stylize(matcher.match_style, offset, offset + 1)
                yield Hit(score, shown + Content.styled(f"  {entry.kind}", FAINT), entry.go, name, safe(entry.help))
        if len(query.strip()) >= SHORTEST and isinstance(self.screen, Place):
            for item_id, title in await asyncio.to_thread(self.eager.catalogue.search, query.strip(), ITEMS):
                score = max(0.01, matcher.match(safe(title)))
                shown = Content(safe(title)) + Content.styled("  item", FAINT)
                yield Hit(score, shown, partial(self.eager.show_item, item_id), safe(title), safe(item_id))

    def _entries(self) -> Iterator[Find]:
        if isinstance(self.screen, Place):  # below a form or a question nothing else is opened
            yield from self._of_the_place()
        for path, title in self._docs:
            yield Find(f"{title} · {path.stem}", "documentation", path.name, partial(self.eager.show_document, path))
        for theme in self.eager.available_themes:
            yield Find(theme, "theme", "draw the app in these colours", partial(self.eager.set_theme, theme))

    def _of_the_place(self) -> Iterator[Find]:
        eager = self.eager
        for project in eager.projects:
            if project.there:
                where = from_home(project.file.parent)
                yield Find(project.name, "project", where, partial(eager.show_project, project.file))
        for run in eager.runs:
            name = f"{run.label or run.recipe or run.name} {short_id(run)}"
            about = f"{state_word(run.status)}, {when(run.created)}, {run.id}"
            yield Find(name, "run", about, partial(eager.show_run, run.folder))
        if eager.bridge.project_file is not None:
            for setting in all_settings():
                yield Find(setting.key, "setting", setting.doc, partial(eager.action_train, setting.key))


def documents() -> list[tuple[Path, str]]:
    """The pages of the documentation and their titles."""
    pages = []
    try:
        for path in sorted((assets_path() / "docs").glob("*.md")):
            first = path.read_text(encoding="utf-8").partition("\n")[0]
            pages.append((path, first.lstrip("# ").strip() or path.stem))
    except (EagerError, OSError):
        return []
    return pages
