"""Where the files that ship with the program lie."""

from __future__ import annotations

from pathlib import Path

from core.errors import EnvironmentFault, ProjectError


def assets_path() -> Path:
    """Return the assets folder: inside the installed wheel, or at the root of a checkout.

    Raises:
        EnvironmentFault: neither exists, so the installation is broken.
    """
    here = Path(__file__).resolve().parent
    for folder in (here / "_assets", here.parent / "assets"):
        if folder.is_dir():
            return folder
    raise EnvironmentFault(f"the program's own files are missing beside {here}", "Install the package again.")


def demo_path() -> Path:
    """The folder of the demo: a project with a finished run, to look at and to ask."""
    return assets_path() / "demo"


def is_demo(path: Path) -> bool:
    """Whether a path is the demo or lies in it."""
    return path.resolve().is_relative_to(demo_path().resolve())


def refuse_demo(path: Path) -> None:
    """Refuse to write at a place of the demo, which ships with the program.

    Raises:
        ProjectError: it is one.
    """
    if is_demo(path):
        raise ProjectError(
            "the demo ships with the program and stays as it is",
            "`eagertui init --sample DIR` copies the bookshop to a folder of your own, where it can be trained",
        )
