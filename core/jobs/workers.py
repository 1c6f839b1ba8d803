"""The other processes of a run (`run.processes`): started by its engine, and ended with it.

The engine is the first of them, as under `torchrun`: the environment tells each its rank, and whatever asks for it
(`core.run.launch.rank`, accelerate) finds what it would find there. Whoever started several processes himself gets no
more of them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from core.errors import EnvironmentFault
from core.run import launch
from core.settings import RunSettings

PATIENCE = 2.0
"""Seconds for each of the others to end by itself after the work, which then is whole without it."""


def count_of(settings: RunSettings) -> int:
    """How many processes a run has."""
    if settings.processes:
        return settings.processes
    import torch

    return max(1, torch.cuda.device_count())


GIVEN_UP = 30.0
"""Seconds for the work to stop where one of the others has failed."""


@contextlib.contextmanager
def workers(project_file: Path, settings: RunSettings) -> Iterator[None]:
    """Have the others of a run's processes at work inside; nothing happens where there is one, or were several.

    Args:
        project_file: of the run.
        settings: say how many.

    Raises:
        EnvironmentFault: a process cannot be started.
    """
    count = count_of(settings)
    if count == 1 or launch.world_size() > 1:
        yield
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    size = str(count)
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size}
    before = dict(os.environ)
    children: list[subprocess.Popen[bytes]] = []
    try:
        os.environ.update(shared, RANK="0", LOCAL_RANK="0")
        for number in map(str, range(1, count)):
            argv = [*launch.engine_command(), "join", str(project_file)]
            place = {"RANK": number, "LOCAL_RANK": number}
            children.append(subprocess.Popen(argv, stdin=subprocess.DEVNULL, env=launch.engine_environment() | place))
        with _watched(children):
            yield
    except OSError as error:
        if len(children) + 1 == count:
            raise
        raise EnvironmentFault(f"cannot start {count} processes: {error.strerror or error}") from error
    finally:
        for name in {*shared, "RANK", "LOCAL_RANK"}:
            os.environ.pop(name, None)
        os.environ.update(before)
        _end(children)


@contextlib.contextmanager
def _watched(children: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    """Give up where one of the others fails: the others wait for it, and hear nothing else while they do."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(1.0):
            codes = [child.poll() for child in children]
            if any(codes):
                print(f"error: one of the run's processes ended with code {next(filter(None, codes))}", file=sys.stderr)
                os.kill(os.getpid(), signal.SIGTERM)  # asks for a stop
                if not over.wait(GIVEN_UP):
                    os._exit(3)  # the run counts as lost, and goes on from its checkpoint when it is asked to
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _end(children: list[subprocess.Popen[bytes]]) -> None:
    """Let the others finish, and end those that do not."""
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(PATIENCE)
            continue
        child.kill()
        child.wait()
