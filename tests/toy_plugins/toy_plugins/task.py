"""An item's code from its title, as an echo."""

from core.prompts.task_data import TaskData
from core.prompts.tasks import Draw, FieldRows, TextTask, Value


class Echo(TextTask):
    """An item's code from its title; its wordings stand in `toy-echo.toml` beside this file."""

    prompt_fields = ("title",)
    response_fields = ("item",)
    scales_with = "items"

    def rows(self, data: TaskData) -> FieldRows:
        """A row an item that has a title."""
        titled = [number for number, title in enumerate(data.texts.titles) if title]

        def fields(row: int, draw: Draw) -> dict[str, Value]:
            return {"title": titled[row], "item": titled[row]}

        return FieldRows(len(titled), fields, "no item has a title")
