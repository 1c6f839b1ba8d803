"""The verb `open`: the app on a project, at a place."""

from __future__ import annotations

import argparse

from core.errors import ProjectError
from eagertui.cli.verb import Verb


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    text = "home, data, index, train, explore or compare (default: where the project was left)"
    parser.add_argument("place", nargs="?", default="", metavar="PLACE", help=text)
    parser.add_argument("--user", default="", metavar="ID", help="whose recommendations to show first")


def open_at(args: argparse.Namespace) -> int:
    """Open the app."""
    from core.did_you_mean import nearest
    from eagertui.actions import PLACES
    from eagertui.cli.open_app import open_app

    project, place = args.project, args.place
    if project and not place and str(project) in PLACES and not project.exists():
        project, place = None, str(project)  # `eagertui open data`: the project here
    if place and place not in PLACES:
        near = nearest(place, PLACES)
        hint = f"did you mean {near}?" if near else f"there are: {', '.join(PLACES)}"
        raise ProjectError(f'no place "{place}" in the app; {hint}')
    return open_app(project, place, user=args.user)


VERB = Verb("open", "open the app on a project, at a place", open_at, arguments, prints=False, order=5)
