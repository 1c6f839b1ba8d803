"""Types the data tests share."""

from collections.abc import Callable

from core.project import Project

MakeProject = Callable[..., Project]
