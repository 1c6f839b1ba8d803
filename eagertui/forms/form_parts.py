"""What the forms have in common: their heading, the command that does the same, buttons."""

from __future__ import annotations

import re

from rich.cells import cell_len, chop_cells, set_cell_size
from textual.content import Content
from textual.widgets import Button
from textual.widgets.button import ButtonVariant

from eagertui.widgets.draw import FAINT, Part, clip, line, safe, spread


def heading(title: str, name: str, right: str, width: int) -> Content:
    """The first line of a form: what it is for, of what, and a path or a step at the right."""
    left: list[Part] = [(" EagerTUI ", "bold $primary"), (f"  {title} ", "bold"), (clip(name, max(8, width // 2)), "")]
    return spread(left, [(clip_start(right, width - line(left).cell_length - 3) + " ", FAINT)], width)


def folded_command(command: str, width: int, most: int) -> list[Content]:
    """A command in at most so many lines: folded between words, else anywhere, as a shell does it, else cut."""
    room, text = max(8, width - 2), safe(command)
    pieces = [""]
    for word in re.findall(r"--\S+ +[^- ]\S*|\S+", text):  # an option stays with its value
        together = f"{pieces[-1]} {word}".lstrip()
        pieces = [*pieces[:-1], together] if cell_len(together) <= room else [*pieces, *chop_cells(word, room)]
    pieces = pieces if pieces[0] else pieces[1:]
    if len(pieces) > most:
        pieces = chop_cells(text, room)
    if len(pieces) > most:
        pieces = [*pieces[: most - 1], clip("".join(pieces[most - 1 :]), room)]
    return [line([("  " if number else "$ ", FAINT), (piece, "bold")]) for number, piece in enumerate(pieces)]


def copy_hint() -> Content:
    """The key that copies the command; a click on it does so too."""
    return Content.from_markup("[@click=app.copy][bold $accent]c[/] copies it[/]")


def form_button(key: str, label: str, name: str, variant: ButtonVariant = "default") -> Button:
    """A button for the mouse; the keyboard has its key."""
    button = Button(button_label(key, label), id=name, compact=True, variant=variant)
    button.can_focus = False
    return button


def button_label(key: str, label: str) -> Content:
    """A button's words with its key."""
    return line([(f" {key} ", "bold"), f"{label} "])


def clip_start(text: object, cells: int) -> str:
    """Foreign text in at most so many cells; its end stays, for that tells paths and runs apart."""
    shown = safe(text)
    if cell_len(shown) <= cells or cells <= 0:
        return shown if cells > 0 else ""
    return "…" + set_cell_size(shown[::-1], cells - 1)[::-1].lstrip()
