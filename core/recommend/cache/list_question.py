"""What is asked of every user alike, and of which model: the two keys of lists that are made beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from core.errors import ProjectError
from core.index.lookup import load_index
from core.index.revisions.changes import newest_revision
from core.project import Project
from core.run.folder import RunFolder
from core.safe_json import read_object
from core.store import fingerprint

if TYPE_CHECKING:
    from core.recommend.recommender import Recommender
    from core.recommend.restrictions import Mask

TO_DATE, AS_TESTED = "to date", "as tested"


@dataclass(frozen=True)
class ListQuestion:
    """What the lists are to be.

    Attributes:
        k: length of a list.
        hide_seen: leave items of the history out.
        as_tested: after the history without the held-out item.
        only: condition of SQL on the item table.
        allow: ids of the only items to list; None = all.
        deny: ids of items to leave out.
    """

    k: int
    hide_seen: bool = False
    as_tested: bool = False
    only: str = ""
    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()

    @classmethod
    def of(cls, project: Project, given: Mapping[str, Any]) -> Self:
        """A question as somebody asks it; what is not given is the project's own.

        Args:
            project: of the run.
            given: any of the attributes, lists as lists.

        Raises:
            ProjectError: a value that cannot be.
        """
        settings = project.recommend
        k, hide_seen, allow = given.get("k"), given.get("hide_seen"), given.get("allow")
        if k is not None and (type(k) is not int or k < 1):
            raise ProjectError(f"k is {k!r}, not a whole number from 1")
        return cls(
            k or settings.k,
            settings.hide_seen if hide_seen is None else bool(hide_seen),
            bool(given.get("as_tested")),
            str(given.get("only") or ""),
            None if allow is None else tuple(sorted({str(one) for one in allow})),
            tuple(sorted({str(one) for one in given.get("deny") or ()})),
        )

    @property
    def history_kind(self) -> str:
        """Which of a user's two histories the lists follow."""
        return AS_TESTED if self.as_tested else TO_DATE

    @cached_property
    def restriction(self) -> str:
        """The question without its length, as a key; lists of the same restriction answer each other's questions."""
        return fingerprint({name: value for name, value in asdict(self).items() if name != "k"})

    def mask(self, recommender: Recommender) -> Mask | None:
        """Which items may be listed.

        Raises:
            DataError: as `Recommender.allowed`.
        """
        return recommender.allowed(self.only, self.allow, self.deny)


@dataclass(frozen=True)
class ListSource:
    """What makes the lists: where a field differs, so may a list.

    Attributes:
        run: the run's id.
        model: fingerprint of the checkpoint, the weights of its scorers, and the settings of the search.
        base_id: the item index.
        revision: of the index; 0 = nothing was added or removed.
    """

    run: str
    model: str
    base_id: str
    revision: int

    @classmethod
    def of(cls, folder: RunFolder) -> Self:
        """The source that a run is now; nothing heavy is loaded.

        Raises:
            ProjectError: the run is not trained to the end.
            DataError: its index cannot be read.
        """
        project = Project.load(folder.project_path)
        made = {"tune": folder.artefact("tune").name}
        if (folder.path / "stages" / "evaluate.json").is_file():
            made["evaluate"] = folder.artefact("evaluate").name  # it holds the weights of the scorers
        search = {**asdict(project.recommend), "max_history": project.data.max_history, "dtype": project.run.dtype}
        search = {name: value for name, value in search.items() if name not in ("k", "hide_seen")}
        index = folder.artefact("index")
        base_id = str(read_object(index / "report.json").get("base_id") or load_index(index / "index.parquet").base_id)
        return cls(folder.id, fingerprint({**made, "search": search}), base_id, newest_revision(folder))
