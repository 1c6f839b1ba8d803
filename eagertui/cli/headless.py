"""A process of the engine whose answer we read on its stdout. Never imports textual."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from typing import Any

from core.errors import DataError, EagerError, EnvironmentFault
from core.run.folder import RunFolder
from core.run.launch import engine_command, engine_environment
from eagertui.cli.output.narration import narration
from eagertui.plain import visible


@contextlib.contextmanager
def _engine(work: str, folder: RunFolder, *extra: str) -> Iterator[subprocess.Popen[str]]:
    """A process of the engine on a run, its stdout ours to read; it ends with us."""
    argv = [*engine_command(), work, str(folder.path.resolve()), *extra]
    try:
        child = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=engine_environment()
        )
    except OSError as error:
        raise EnvironmentFault(f"cannot start the engine: {error}") from error
    try:
        with child:
            yield child
    finally:
        if child.poll() is None:
            child.kill()


def _ask(folder: RunFolder, params: dict[str, Any]) -> dict[str, Any]:
    """One question to a serving process of our own: its `result`."""
    with _engine("serve", folder) as child:
        assert child.stdin and child.stdout
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(json.dumps({"id": 1, "method": "recommend", "params": params}) + "\n")
            child.stdin.write(json.dumps({"id": 2, "method": "quit"}) + "\n")
            child.stdin.close()
        for line in child.stdout:
            reply = _reply(line)
            if error := reply.get("error"):
                fault: EagerError = DataError(str(error.get("message")), str(error.get("remedy", "")))
                if "id" not in reply:  # it could not even load the run
                    fault = EagerError(fault.message, fault.remedy)
                    fault.exit_code = child.wait() or 1
                raise fault
            if "progress" in reply:
                narration().print(visible(reply["progress"].get("text", "")), style="dim")
            elif reply.get("id") == 1:
                return dict(reply["result"])
    raise EagerError(f"the engine gave no answer (exit code {child.returncode})", "its messages stand above")


def _reply(line: str) -> dict[str, Any]:
    """A message of the serving process; empty for anything else that a library prints."""
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
