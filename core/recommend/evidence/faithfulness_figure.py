"""How far the preferences of a run's evidence can be believed: the figure of its deletion test, kept with the run.

`core.evaluate.faithfulness` measures it. Light: whoever shows it needs no model.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from core.assets import refuse_demo
from core.errors import EnvironmentFault
from core.files import write_atomic
from core.run.disk import fault_of
from core.run.folder import RunFolder
from core.safe_json import number, read_object

FAITHFULNESS = "faithfulness.json"
"""In the run's folder."""
NOT_MEASURED = "Whether the preferences bear on the lists was not measured; `eagertui evaluate --faithfulness` does it."


@dataclass(frozen=True)
class Faithfulness:
    """The deletion test.

    Attributes:
        users: who were asked about.
        skipped: users drawn besides whose top preference holds all of their history.
        preference: mean drop of the first item's score without the items of the top preference.
        random: the same without equally many random items.
        newest: the same without equally many of the newest; preferences weigh recent items more, so this says how much
            of the figure is recency alone.
        difference: of the first two.
        low: lower end of the difference's 95 % bootstrap interval over users.
        high: upper end.
    """

    users: int
    skipped: int
    preference: float
    random: float
    newest: float
    difference: float
    low: float
    high: float

    @property
    def shown(self) -> bool:
        """Whether the preferences matter more than chance: the whole interval lies above 0."""
        return self.low > 0

    def sentence(self) -> str:
        """The figure in words."""
        figure = f"{self.difference:.3f}, 95 % interval {self.low:.3f} to {self.high:.3f}, {self.users:,} users"
        if self.shown:
            return f"Without its items an item's score falls further than without random ones (by {figure})."
        return f"The preferences are not shown to be faithful: beside random items theirs matter by {figure}."

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "shown": self.shown, "sentence": self.sentence()}


def save_faithfulness(folder: RunFolder, figure: Faithfulness) -> None:
    """Keep the figure with its run.

    Raises:
        EnvironmentFault: the folder cannot be written.
    """
    refuse_demo(folder.path)
    try:
        write_atomic(folder.path / FAITHFULNESS, json.dumps(asdict(figure), indent=1))
    except OSError as error:
        raise fault_of(error, folder.path) or EnvironmentFault(f"cannot write {folder.path}: {error}") from error


def load_faithfulness(folder: RunFolder) -> Faithfulness | None:
    """The figure of a run; None where it was not measured, or the file is damaged."""
    tree = read_object(folder.path / FAITHFULNESS)
    values = {name: number(tree.get(name), math.nan) for name in Faithfulness.__dataclass_fields__}
    if any(map(math.isnan, values.values())):
        return None
    return Faithfulness(**{**values, "users": int(values["users"]), "skipped": int(values["skipped"])})  # type: ignore[arg-type]
