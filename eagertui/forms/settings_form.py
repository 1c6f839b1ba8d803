"""A form of typed settings: a list of them, and below it what the one under the cursor means, or where it is typed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.message import Message
from textual.widgets import Input, OptionList, Static

from eagertui.forms.editors import ChoiceSelect, FieldInput, OrderedMarks, Settled
from eagertui.forms.form_model import Field, Group, filtered
from eagertui.forms.setting_list import SettingList, about, verdict
from eagertui.widgets.draw import clip, line
from eagertui.widgets.filter_bar import FilterBar
from eagertui.widgets.lines import Lines


class Foot(Vertical):
    """What stands below the list, drawn anew whenever it has another height: a screen's class may change it alone."""

    def __init__(self, draw: Callable[[], None]) -> None:
        super().__init__(classes="foot")
        self._redraw = draw

    def on_resize(self, event: Resize) -> None:
        """Another size, once it is the widget's own."""
        self.call_after_refresh(self._redraw)


class SettingsForm(Vertical):
    """Typed settings, each changed by itself and checked while it is typed; the owner keeps the values."""

    SCOPED_CSS = False  # it heeds the classes of its screen
    DEFAULT_CSS = """
    SettingsForm { height: 1fr; }
    SettingsForm .foot { height: 4; border-top: solid $border-blurred; }
    SettingsForm .entry { height: 1; display: none; }
    SettingsForm .entry-name { width: auto; max-width: 50%; }
    SettingsForm FieldInput { width: 1fr; background: $boost; display: none; }
    SettingsForm.-editing .entry { display: block; }
    SettingsForm.-typing FieldInput { display: block; }
    .-tall SettingsForm .foot { height: 5; }
    .-short SettingsForm .foot { height: 2; border-top: none; }
    .-short SettingsForm.-editing .foot { height: 3; }
    SettingsForm.-marking .foot, .-short SettingsForm.-marking .foot { height: auto; max-height: 80%; }
    """

    @dataclass
    class Edited(Message):
        """Another text for a setting, right by itself; None gives it its default again."""

        key: str
        text: str | None

    @dataclass
    class Moved(Message):
        """The cursor is on another setting."""

        key: str

    @dataclass
    class FileWanted(Message):
        """Somebody wants to pick another file for a setting."""

        key: str

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._groups: tuple[Group, ...] = ()
        self._editing: Field | None = None
        self._select: ChoiceSelect | None = None

    def compose(self) -> ComposeResult:
        """The filter, the list, and its foot."""
        yield FilterBar("name or words of a setting")
        yield SettingList()
        with Foot(self._draw_foot):
            with Horizontal(classes="entry"):
                yield Static(classes="entry-name", markup=False)
                yield FieldInput(compact=True, select_on_focus=False)
            yield Lines()

    @property
    def settings(self) -> SettingList:
        """The list."""
        return self.query_one(SettingList)

    @property
    def current(self) -> Field | None:
        """The setting under the cursor."""
        return self.settings.current

    @property
    def editing(self) -> bool:
        """Whether a value is being changed: its keys are not those of the screen."""
        return self._editing is not None

    def show(self, groups: Sequence[Group]) -> None:
        """Show these settings instead."""
        self._groups = tuple(groups)
        self._list()

    def focus_list(self) -> None:
        """Go to the list."""
        self.settings.focus()

    def go_to(self, key: str) -> None:
        """Put the cursor on a setting: without a filter, or among those of its part where that is not in use."""
        bar = self.query_one(FilterBar)
        bar.close()
        if key in self._unused():
            bar.put(key.rpartition(".")[0])
        self._list()
        self.settings.go_to(key)

    def filter(self) -> None:
        """Let somebody type what the settings should hold."""
        self.query_one(FilterBar).open()

    def default(self) -> None:
        """Give the setting under the cursor its default again."""
        current = self.current
        if current is not None and (current.changed or current.problem) and not self.editing:
            self.post_message(self.Edited(current.key, None))

    def edit(self) -> None:
        """Change the setting under the cursor in the way that its type asks for."""
        current = self.current
        if current is None or self.editing:
            return
        if current.kind == "true or false":
            self.post_message(self.Edited(current.key, "false" if current.value_text == "true" else "true"))
        elif current.kind == "file":
            self.post_message(self.FileWanted(current.key))
        elif current.choices and current.many:
            self._mark(current)
        elif current.choices:
            self._choose(current)
        else:
            self._type(current, current.value_text)

    # --- drawing ----------------------------------------------------------------------------------------------------

    def _list(self) -> None:
        text = self.query_one(FilterBar).text
        shown = filtered(self._groups, text)
        every = [one for group in self._groups for one in group.fields]
        self.settings.show(shown, max((len(one.label) for one in every), default=0))
        unused = len(self._unused())
        told = [f"{sum(len(group.fields) for group in shown)} of {len(every)}"] if text else []
        told += [f"{changed} changed"] if (changed := sum(one.changed for one in every)) else []
        told += [f"/ finds {unused} more, not in use"] if unused and not text else []
        self.border_subtitle = " · ".join(told)
        self._draw_foot()

    def _unused(self) -> set[str]:
        """The keys that are shown by a filter alone."""
        shown = {one.key for group in filtered(self._groups, "") for one in group.fields}
        return {one.key for group in self._groups for one in group.fields} - shown

    def _draw_foot(self) -> None:
        field, text = self._editing, self.query_one(FieldInput).value
        if field is not None:
            typing = self.has_class("-typing")
            self.query_one(Lines).show(
                lambda width: verdict(field, text, width) if typing else about(field, width, 3)[1:]
            )
            return
        current, height = self.current, self.query_one(".foot").content_size.height
        self.query_one(Lines).show(lambda width: about(current, width, height or 3))

    # --- changing a value -------------------------------------------------------------------------------------------

    def _begin(self, field: Field, *classes: str) -> None:
        self._editing = field
        self.add_class(*classes)
        self.query_one(".entry-name", Static).update(line([(f"{clip(field.label, 30)} ", "bold $accent")]))
        self._draw_foot()

    def _choose(self, field: Field) -> None:
        self._begin(field, "-editing")
        self._select = ChoiceSelect(field)
        self.query_one(".entry").mount(self._select)

    def _mark(self, field: Field) -> None:
        self._begin(field, "-marking")
        marked = [text for text in field.value or () if text in field.choices]
        self.query_one(".foot").mount(OrderedMarks(field.choices, marked, field.key), before=0)

    def _type(self, field: Field, text: str, *, fresh: bool = True) -> None:
        entry = self.query_one(FieldInput)
        entry.value = text
        self._begin(field, "-editing", "-typing")
        entry.focus()
        if fresh:
            entry.select_all()
        else:
            entry.cursor_position = len(text)

    @on(ChoiceSelect.Closed)
    def _list_closed(self, event: ChoiceSelect.Closed) -> None:
        event.stop()
        field, select = self._editing, self._select
        if field is None or select is None:  # left already: a list that is taken from loses the focus too
            return
        text = select.selection if event.taken else None
        if text is None or text not in field.prefixes:
            self._leave(text)
        else:
            self._leave(None)
            self._type(field, field.value_text if field.value_text.startswith(text) else text, fresh=False)

    @on(Input.Changed, "FieldInput")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._draw_foot()

    @on(Input.Submitted, "FieldInput")
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        if self._editing is not None and not self._editing.check(event.value):
            self._leave(event.value)

    @on(Settled)
    def _settled(self, event: Settled) -> None:
        event.stop()
        self._leave(event.text)

    def _leave(self, text: str | None) -> None:
        """Back to the list; another text is the new value, where it was typed only if it is right by itself."""
        field, focused, typed = self._editing, self.screen.focused, self.has_class("-typing")
        if field is None:
            return
        self._editing = self._select = None
        if focused is not None and self.query_one(".foot") in focused.ancestors:
            self.focus_list()
        self.remove_class("-editing", "-typing", "-marking")
        self.query(ChoiceSelect).remove()
        self.query(OrderedMarks).remove()
        if text is not None and (text != field.value_text or field.problem) and not (typed and field.check(text)):
            self.post_message(self.Edited(field.key, text))
        self._draw_foot()

    # --- the list ---------------------------------------------------------------------------------------------------

    @on(OptionList.OptionHighlighted, "SettingList")
    def _moved(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._draw_foot()
        if self.current is not None:
            self.post_message(self.Moved(self.current.key))

    @on(OptionList.OptionSelected, "SettingList")
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.edit()

    @on(FilterBar.Filtered)
    def _filtered(self, event: FilterBar.Filtered) -> None:
        event.stop()
        self._list()

    @on(FilterBar.Left)
    def _filter_left(self, event: FilterBar.Left) -> None:
        event.stop()
        self.focus_list()
