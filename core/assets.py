"""Where the files that ship with the program lie."""

from __future__ import annotations

from pathlib import Path

from core.errors import EnvironmentFault


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
