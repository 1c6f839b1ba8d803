"""The verb `pretrain`: a small decoder from several logs, for `backbone.model`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from core.errors import ProjectError
from eagertui.cli.loading import load_project
from eagertui.cli.verb import Verb, positive
from eagertui.plain import project_file, visible


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument(
        "--corpus", type=Path, action="append", default=[], metavar="PROJECT", required=True,
        help="a project whose log and titles are learnt from; several times",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="the new folder, for backbone.model")
    parser.add_argument("--epochs", type=positive, default=5, metavar="N", help="passes over the rows (default: 5)")
    parser.add_argument("--learning-rate", type=float, default=2e-3, metavar="R", help="step size (default: 2e-3)")
    parser.add_argument(
        "--shared-users", action="store_true",
        help="equal user ids are the same people: rows over all logs in the order of time, and nothing of anybody from "
        "when PROJECT begins to ask about them",
    )  # fmt: skip
    parser.add_argument("--shuffled", action="store_true", help="the titles of a row in random order, for comparison")


def pretrain(args: argparse.Namespace) -> int:
    """Train, and print where the model is."""
    from eagertui.cli.engine_process import errand, tell_progress

    if not 0 < args.learning_rate <= 1:
        raise ProjectError(f"--learning-rate {args.learning_rate:g}: expected a number above 0, at most 1")
    out = args.out.absolute()
    if out.exists():
        raise ProjectError(f"{args.out} is there already", "name a folder that is not there yet")
    load_project(args.project, args.overrides)  # whatever is wrong with it is said before anything starts
    request = {
        "sets": args.overrides, "corpora": [str(project_file(one).absolute()) for one in args.corpus], "out": str(out),
        "epochs": args.epochs, "learning_rate": args.learning_rate, "shared_users": args.shared_users,
        "shuffled": args.shuffled,
    }  # fmt: skip
    try:
        about = errand("pretrain", str(project_file(args.project).absolute()), json.dumps(request))
    except KeyboardInterrupt:
        tell_progress(f"what is learnt lies beside {visible(str(out))}; the same command goes on from there")
        raise
    if args.json:
        print(json.dumps({"folder": str(out), **about}))
        return 0
    for name, one in about["corpora"].items():
        cut = f", {one['cut']:,} cut away" if args.shared_users else ""
        tell_progress(f"{visible(name)}: {one['interactions']:,} interactions{cut}")
    print(visible(str(out)))
    return 0


TEXT = "train a small decoder on the titles of several logs, for backbone.model"
VERB = Verb("pretrain", TEXT, pretrain, arguments, sets=True, order=75)
