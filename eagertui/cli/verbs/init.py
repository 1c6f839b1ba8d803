"""The verb `init`: a new project folder, from two files or from the sample."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from core.errors import ProjectError
from eagertui.cli.loading import say_copying
from eagertui.cli.verb import Verb


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    add = parser.add_argument
    add("directory", type=Path, metavar="DIR", help="the new project's folder")
    text = "interactions: Parquet, CSV, TSV or JSON lines, or an address of such (s3://, gs://, az://, https://)"
    add("--interactions", type=Path, metavar="FILE", help=text)
    add("--items", type=Path, metavar="FILE", help="item table, for the items' text; or an address")
    text = "names of the columns in their order, where the {} no header line"
    add("--columns", metavar="user,item,rating,time", help=text.format("interactions have"))
    add("--item-columns", metavar="item,title", help=text.format("item table has"))
    text = "tell a value instead of letting it guess: any data.* key, name, recipe; repeatable"
    add("--set", dest="overrides", action="append", default=[], metavar="data.user=COLUMN", help=text)
    add("--sample", action="store_true", help="copy the sample project, a synthetic bookshop")


def init(args: argparse.Namespace) -> int:
    """Write a project."""
    from core.data.doubts import doubts
    from core.project import Project
    from eagertui.cli.create_project import copy_sample, write_project
    from eagertui.plain import visible

    if args.sample == bool(args.interactions):
        raise ProjectError("init needs either --interactions FILE [--items FILE] or --sample")
    named = {"data.columns": args.columns, "data.item_columns": args.item_columns}
    sets = [*args.overrides, *(f"{key}={names}" for key, names in named.items() if names)]
    if args.sample and (args.items or sets):
        raise ProjectError("--sample brings its own items and columns; leave out --items, --set and names of columns")
    if args.sample:
        path = copy_sample(args.directory)
    else:
        say_copying(*filter(None, (args.interactions, args.items)))
        path = write_project(args.directory, args.interactions, args.items, sets)
    project = Project.load(path)
    doubted = [] if args.sample else doubts(project.data, project.directory)
    print(json.dumps({"project": str(path.resolve()), "doubts": doubted}) if args.json else path)
    if not args.json:
        print("".join(f"doubt: {visible(one)}\n" for one in doubted), end="", file=sys.stderr)
        print(f"next: eagertui check {path}\n      eagertui --headless train {path}", file=sys.stderr)
    return 0


TEXT = "write a project from an interaction log and an item table"
VERB = Verb("init", TEXT, init, arguments, project=False, order=10)
