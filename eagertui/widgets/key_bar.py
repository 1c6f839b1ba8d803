"""The last line of every screen: the keys that do something now, on a second line where one is too short."""

from __future__ import annotations

from typing import Any

from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

from eagertui.actions import key_name
from eagertui.widgets.draw import clip

Key = tuple[str, str, str]
"""The key, how it is shown, and what it does in a word or two."""

LAST = ("question_mark", "q")
"""These stand at the right end and are always seen."""


MORE = "… "


class KeyBar(Widget):
    """Every key hint of the screen, each one clickable; what fits on no line is left to `?`."""

    DEFAULT_CSS = """
    KeyBar { dock: bottom; height: 1; background: $panel; color: $foreground; link-style: none;
        link-color: $foreground; link-background: transparent; link-style-hover: underline;
        link-color-hover: $accent; link-background-hover: transparent; }
    """
    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__()
        self._keys: list[Key] = []

    def on_mount(self) -> None:
        """Listen to the screen's bindings."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)
        self.call_after_refresh(self._changed, self.screen)

    def _changed(self, screen: Screen[Any]) -> None:
        if not self.is_attached or screen is not self.screen or not screen.is_current:
            return
        keys: list[Key] = []
        label_of = getattr(self.app, "label_of", lambda binding: binding.description)
        for active in screen.active_bindings.values():
            binding = active.binding
            text = label_of(binding)
            if binding.show and active.enabled and not any(text == label for _, _, label in keys):
                keys.append((binding.key, binding.key_display or key_name(binding.key), text))
        if keys != self._keys:
            self._keys = keys
            self._fit()

    def on_resize(self) -> None:
        """Another width may need another number of lines."""
        self._fit()

    def _fit(self) -> None:
        lines = len(key_lines(self._keys, self.size.width, self.most))
        self.styles.height = max(1, lines)
        self.refresh()

    @property
    def most(self) -> int:
        """Lines that the bar may take."""
        return 2 if self.screen.size.height >= 16 else 1

    def render(self) -> Content:
        """The keys."""
        return Content("\n").join(key_lines(self._keys, self.size.width, self.most))


def key_lines(keys: list[Key], width: int, most: int) -> list[Content]:
    """Keys on as few lines as they need, closer together where that saves a line.

    Args:
        keys: in the order of their worth.
        width: cells of a line.
        most: lines; keys that fit on none of them give way to an ellipsis, except those that stand last.
    """
    if width <= 0:
        return []
    drawn = [[_draw(key, gap) for key in keys if key[0].split(",")[0] not in LAST] for gap in (2, 1)]
    ends = [[_draw(key, gap) for key in keys if key[0].split(",")[0] in LAST] for gap in (2, 1)]
    wide, close = (_folded(first, end, width, most) for first, end in zip(drawn, ends, strict=True))
    return close if (len(close), _cut(close)) < (len(wide), _cut(wide)) else wide


def _cut(rows: list[Content]) -> bool:
    return bool(rows) and MORE in rows[-1].plain


def _folded(first: list[Content], end: list[Content], width: int, most: int) -> list[Content]:
    """Fill the lines; the last one keeps room for the end, and for the ellipsis where something was left out."""
    tail = Content.assemble(*end)
    rows: list[list[Content]] = [[]]
    left_out = False
    for number, key in enumerate(first):
        room = width - sum(one.cell_length for one in rows[-1])
        if len(rows) < most and key.cell_length > room:
            rows.append([])
            room = width
        if len(rows) == most:
            room -= tail.cell_length + (len(MORE) if left_out or number < len(first) - 1 else 0)
        if key.cell_length <= room:
            rows[-1].append(key)
        else:
            left_out = True
    if len(rows) < most and sum(one.cell_length for one in rows[-1]) + tail.cell_length > width:
        rows.append([])
    tail = Content.assemble(MORE if left_out else "", tail)
    lines = [Content.assemble(*row) for row in rows]
    gap = " " * max(0, width - lines[-1].cell_length - tail.cell_length)
    lines[-1] = Content.assemble(lines[-1], gap, tail)
    return [line.truncate(width) for line in lines]


def _draw(key: Key, gap: int) -> Content:
    name, shown, label = key
    text = Content.assemble((f" {shown} ", "bold $accent"), (clip(label, 16) + " " * (gap - 1), "$foreground"))
    return text.stylize(f"@click=app.simulate_key('{name.split(',')[0]}')")
