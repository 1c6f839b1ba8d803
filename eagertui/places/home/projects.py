"""What the list of projects says of each: how large its data are and how its newest run stands."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.run.listing import RunInfo, RunList
from core.safe_json import figures, read_object


@dataclass(frozen=True)
class ProjectInfo:
    """One line of the list of projects."""

    file: Path
    name: str
    there: bool
    """Whether the project file still exists."""
    newest: RunInfo | None = None
    runs: int = 0
    users: int = 0
    items: int = 0


class ProjectList:
    """Known projects, described from what their runs wrote; only what changed is read anew."""

    def __init__(self) -> None:
        self._runs: dict[Path, RunList] = {}

    def look(self, files: Sequence[Path], names: Mapping[Path, str]) -> list[ProjectInfo]:
        """Describe projects; a slow disk makes it wait, so call it in a thread.

        Args:
            files: the project files.
            names: the names they had when they were opened last.
        """
        return [self._look(file, names.get(file) or file.parent.name) for file in files]

    def _look(self, file: Path, name: str) -> ProjectInfo:
        runs = self._runs.setdefault(file, RunList(file.parent / "runs")).look()
        live = next((run for run in runs if run.status.live), None)
        newest = live or (runs[0] if runs else None)
        users, items = next((size for run in runs if (size := _size(run)) != (0, 0)), (0, 0))
        return ProjectInfo(file, name, _is_there(file), newest, len(runs), users, items)


def _size(run: RunInfo) -> tuple[int, int]:
    """Users and items as the run's data stage counted them."""
    summary = figures(read_object(run.folder.path / "stages" / "data.json").get("summary"))
    users, items = (int(max(0.0, summary.get(name, 0.0))) for name in ("users", "items"))
    return users, items


def _is_there(file: Path) -> bool:
    """Whether it is a file that can be seen."""
    with contextlib.suppress(OSError):  # a name beyond every limit, a folder that nobody may enter
        return file.is_file()
    return False
