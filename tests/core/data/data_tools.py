"""What the data tests share."""

from collections.abc import Callable

from core.data import Dataset, load_dataset
from core.project import Project

MakeProject = Callable[..., Project]


def load(project: Project) -> Dataset:
    """The data set of a project."""
    return load_dataset(project.data, project.directory)
