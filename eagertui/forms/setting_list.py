"""The list of a form's settings, one line each, and the words about the one under the cursor."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.events import Resize
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from eagertui.forms.form_model import Field, Group
from eagertui.widgets.draw import FAINT, Part, clip, fill, line, safe

NOTHING = "–"
"""How an empty value is shown."""


class SettingList(OptionList):
    """The settings, one line each, under headings; the cursor stays on its setting when the list changes."""

    DEFAULT_CSS = """
    SettingList { height: 1fr; padding: 0; border: none; background: transparent; text-wrap: nowrap;
                  scrollbar-gutter: stable; }
    SettingList:focus { border: none; background-tint: $foreground 0%; }
    SettingList > .option-list--option { padding: 0; }
    SettingList:focus:nocolor > .option-list--option-highlighted { text-style: bold underline; }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._rows: tuple[Group | Field, ...] = ()
        self._names = 0

    @property
    def current(self) -> Field | None:
        """The setting under the cursor."""
        row = self._rows[self.highlighted] if self.highlighted is not None else None
        return row if isinstance(row, Field) else None

    def go_to(self, key: str) -> None:
        """Put the cursor on a setting, if it is there."""
        for index, row in enumerate(self._rows):
            if isinstance(row, Field) and row.key == key:
                self.highlighted = index

    def show(self, groups: Sequence[Group], names: int) -> None:
        """Show these settings instead, their names in so many cells."""
        self._names = names
        before = [_name(row) for row in self._rows]
        current = self.current
        rows: list[Group | Field] = []
        for group in groups:
            rows += [group, *group.fields] if group.fields else []
        self._rows = tuple(rows)
        if [_name(row) for row in self._rows] == before:
            self._redraw()
            return
        cells = self._cells()
        options = [Option(_drawn(row, *cells), disabled=isinstance(row, Group)) for row in self._rows]
        self.set_options(options)
        self.highlighted = 1 if self._rows else None
        if current is not None:
            self.go_to(current.key)

    def watch_highlighted(self, highlighted: int | None) -> None:
        """The first setting brings the heading above it into view."""
        super().watch_highlighted(highlighted)
        if highlighted == 1:
            self.scroll_to(y=0, animate=False)

    def on_resize(self, event: Resize) -> None:
        """Draw again for the new width; the cursor stays in sight."""
        self._redraw()
        self.call_after_refresh(self.scroll_to_highlight)

    def _cells(self) -> tuple[int, int, int]:
        """Cells of a line, of the names and of the values in it."""
        width = self.scrollable_content_region.width
        names = min(self._names, int(width * 0.64))
        rest = width - names - 4
        values = 24 if rest >= 52 else 16
        return width, names, values if rest - values >= 18 else rest

    def _redraw(self) -> None:
        cells = self._cells()
        for index, row in enumerate(self._rows):
            drawn, shown = _drawn(row, *cells), self.get_option_at_index(index).prompt
            if not (isinstance(shown, Content) and drawn.is_same(shown)):
                self.replace_option_prompt_at_index(index, drawn)


def _name(row: Group | Field) -> str:
    return row.key if isinstance(row, Field) else f"[{row.title}]"


def _drawn(row: Group | Field, width: int, names: int, values: int) -> Content:
    if isinstance(row, Group):
        return line([(f"{safe(row.title)}  ", "bold $primary"), (safe(row.doc), FAINT)], width)
    mark: Part = (" ", "")
    if row.problem:
        mark = ("✗", "bold $error")
    elif row.changed:
        mark = ("•", "bold $accent")
    style = "bold $error" if row.problem else "bold $accent" if row.changed else ""
    parts: list[Part] = [mark, (f" {fill(row.label, names)} ", ""), (fill(row.value_text or NOTHING, values), style)]
    rest = width - names - values - 4
    return line([*parts, (f" {clip(row.doc, rest)}" if rest > 8 else "", FAINT)], width)


def about(field: Field | None, width: int, height: int) -> list[Content]:
    """What the setting under the cursor is: its value whole, then its words, as far as there is room."""
    if field is None:
        return [line([("no setting holds that; esc takes the filter away", FAINT)], width)]
    head = line([(safe(field.key), "bold"), (" = ", FAINT), (safe(field.value_text) or NOTHING, "bold")], width)
    parts: list[Part] = [(f"✗ {safe(field.problem)} · ", "$error")] if field.problem else []
    parts.append((safe(field.doc), ""))
    if field.allowed and field.allowed not in field.doc:
        parts.append((f" · {safe(field.allowed)}", FAINT))
    if field.changed:
        parts.append((f" · else {safe(field.default_text) or NOTHING}", FAINT))
    folded = line(parts).wrap(max(1, width))
    room = max(1, height - 1)
    if len(folded) > room:
        folded = [*folded[: room - 1], Content(" ").join(folded[room - 1 :]).truncate(width, ellipsis=True)]
    return [head, *folded]


def verdict(field: Field, text: str, width: int) -> list[Content]:
    """What is wrong with the text that is being typed, or what is allowed."""
    if wrong := field.check(text):
        more = f" · {safe(field.allowed)}" if field.allowed and "must be" not in wrong else ""
        more = "" if field.allowed in wrong else more
        return [line([("✗ ", "bold $error"), (safe(wrong), "$error"), (more, FAINT)])]
    told = field.allowed or field.kind
    return [line([("✓ ", "bold $success"), (f"{safe(told)} · enter takes it, esc keeps {_short(field)}", FAINT)])]


def _short(field: Field) -> str:
    return clip(field.value_text, 24) or "it empty"
