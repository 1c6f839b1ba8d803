"""A slow line in front of a program.

    python tests/benchmarks/terminal/slow_terminal.py [--rate 960] -- eagertui train

Runs the program on a pseudo-terminal of its own and passes its output on at so many bytes a second (960 is a modem of
9,600 baud); keys go the other way unhindered. At the end it says on stderr how much it passed on.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
import tty

SLICE = 0.05
"""Seconds between two pieces of output."""


def window_size(of: int) -> bytes:
    """Lines and columns of a terminal; 80x24 where it is none."""
    try:
        return fcntl.ioctl(of, termios.TIOCGWINSZ, bytes(8))
    except OSError:
        return struct.pack("HHHH", 24, 80, 0, 0)


def run(argv: list[str], rate: float) -> tuple[int, int, float]:
    """Exit code of the program, bytes that were passed on, and seconds."""
    child, master = pty.fork()
    if child == 0:
        os.execvp(argv[0], argv)
    fcntl.ioctl(master, termios.TIOCSWINSZ, window_size(0))

    def resized(number: int, frame: object) -> None:
        fcntl.ioctl(master, termios.TIOCSWINSZ, window_size(0))
        os.kill(child, signal.SIGWINCH)

    signal.signal(signal.SIGWINCH, resized)
    before = termios.tcgetattr(0) if os.isatty(0) else None
    if before is not None:
        tty.setraw(0)
    passed, began, due = 0, time.monotonic(), time.monotonic()
    try:
        while True:
            wait = max(0.0, due - time.monotonic())
            ready, _, _ = select.select([0] if wait else [0, master], [], [], wait or None)
            if 0 in ready and (keys := os.read(0, 1024)):
                os.write(master, keys)
            if master in ready:
                try:
                    piece = os.read(master, max(1, int(rate * SLICE)))
                except OSError:
                    break
                if not piece:
                    break
                with contextlib.suppress(BlockingIOError):
                    os.write(1, piece)
                passed += len(piece)
                due = time.monotonic() + len(piece) / rate
    finally:
        if before is not None:
            termios.tcsetattr(0, termios.TCSADRAIN, before)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), passed, time.monotonic() - began


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=960, help="bytes a second")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    code, count, seconds = run(options.command, options.rate)
    print(f"{count:,} bytes in {seconds:.1f} s, {count / seconds:,.0f} a second", file=sys.stderr)
    sys.exit(code)
