"""The verb `fetch`: what a project reads from addresses, copied anew."""

from __future__ import annotations

import argparse
import json

from core.errors import ProjectError
from core.files import address_of
from core.units import size
from eagertui.cli.loading import file_now, load_project
from eagertui.cli.verb import Verb


def fetch(args: argparse.Namespace) -> int:
    """Copy the tables that lie at addresses; runs that read the copies before are not touched."""
    from core.data.addresses import copy_of

    project = load_project(args.project, args.overrides)
    tables = dict(zip(("data.interactions", "data.items"), project.tables, strict=False))
    far = {key: place for key, place in tables.items() if address_of(place)}
    if not far:
        raise ProjectError("this project's tables lie on this machine's disks", "there is nothing to fetch")
    for key, place in far.items():
        file_now(place, key)
    copies = {key: copy for key, place in far.items() if (copy := copy_of(place)) is not None}
    if args.json:
        print(json.dumps({key: {"files": copy.files, "size": copy.size} for key, copy in copies.items()}))
    for key, copy in () if args.json else copies.items():
        print(f"{key}: {copy.files} {'file' if copy.files == 1 else 'files'}, {size(copy.size)}")
    return 0


VERB = Verb("fetch", "copy again what a project reads from addresses", fetch, sets=True, order=25)
