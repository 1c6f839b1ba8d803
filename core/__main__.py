"""The engine's own processes: ``python -m core train|evaluate|export|serve RUN``, ``python -m core errand WORK ...``.

Nobody types these: the command line and the screens start them. Exit codes are those of the command line.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import traceback
from pathlib import Path

from core.errors import EagerError, EnvironmentFault

INTERRUPTED = 130


def main(argv: list[str] | None = None) -> int:
    """Run one engine process and return its exit code."""
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["errand"]:
        from core.jobs import errands

        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        return errands.main(argv[1:])
    parser = argparse.ArgumentParser(prog="python -m core", description=__doc__)
    parser.add_argument("work", choices=["train", "evaluate", "faithfulness", "export", "serve", "join", "ahead"])
    parser.add_argument("run", type=Path, help="the run's folder; join: the project file")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="export: the new folder")
    parser.add_argument("--lookup", action="store_true", help="serve: answer about the index alone, without the model")
    args = parser.parse_args(argv)
    # Until the engine installs its own, a polite kill during the slow imports is an interruption too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if args.work == "export":
            return _export(args.run, args.out)
        return _work(args.work, args.run, args.overrides, args.lookup)
    except EagerError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        from core.files import system_fault

        print(f"error: {system_fault(error)}", file=sys.stderr)
        return EnvironmentFault.exit_code
    except Exception:
        traceback.print_exc()
        return 1


def _work(work: str, run: Path, overrides: list[str], lookup: bool) -> int:
    if work == "serve":
        from core.serve.server import serve

        return serve(run, lookup)
    from core.jobs import work as jobs
    from core.jobs.ahead import make_ahead
    from core.project import Project
    from core.run.folder import RunFolder

    if work == "join":
        jobs.join(Project.load(run, overrides))
        return 0

    folder = RunFolder(run)
    if work == "train":
        return jobs.train_run(folder)
    if work == "ahead":
        make_ahead(folder)
        return 0
    with contextlib.redirect_stdout(sys.stderr):  # libraries may print; stdout is the metrics alone
        found = jobs.measure_evidence(folder) if work == "faithfulness" else jobs.evaluate_run(folder, overrides)
    print(json.dumps(found))
    return 0


def _export(run: Path, out: Path) -> int:
    with contextlib.redirect_stdout(sys.stderr):
        from core.model.export import export_model

        export_model(run, out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
