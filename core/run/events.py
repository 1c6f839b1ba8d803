"""The story of a run, one JSON line an event: written by the engine alone, tailed by any number of viewers."""

from __future__ import annotations

import json
import math
import numbers
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VERSION = 1
MAX_LINE = 8192
"""Longest line in bytes, its newline included."""

KINDS = frozenset(
    {"run.started", "run.finished", "stage.started", "stage.finished", "stage.reused", "progress", "metric"}
    | {"eval", "sample", "checkpoint", "artefact", "alert", "system", "log"}
)
_ENVELOPE = ("v", "seq", "ts", "kind")


@dataclass(frozen=True)
class Event:
    """One line: its number in the run (from 1, gap-free), Unix time, kind, and what it says."""

    seq: int
    ts: float
    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)


def parse(line: bytes) -> Event | None:
    """The event in one complete line, or None where the line holds none."""
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(raw, dict) or raw.get("v") != VERSION:
        return None
    seq, ts, kind = raw.get("seq"), raw.get("ts"), raw.get("kind")
    if isinstance(seq, bool) or not isinstance(seq, int):
        return None
    if not isinstance(ts, int | float) or not isinstance(kind, str):
        return None
    return Event(seq, float(ts), kind, {k: v for k, v in raw.items() if k not in _ENVELOPE})


class EventWriter:
    """Appends events to a run's file; flushed line by line, safe to use from several threads.

    Where the file exists already, it goes on with the next number and drops an unfinished last line.

    Args:
        path: the events file, or a folder that holds `events.jsonl`.
        listener: called with each event after it was written.
    """

    def __init__(self, path: Path, listener: Callable[[Event], None] | None = None) -> None:
        self.path = path / "events.jsonl" if path.is_dir() else path
        self._listener = listener
        self.lock = threading.RLock()
        """Held while an event is written and told to the listener."""
        self._said_nan: set[str] = set()
        self._file = self.path.open("ab", buffering=0)
        self.seq = self._repair()

    def _repair(self) -> int:
        """Cut what a crash left behind the last whole event; return that event's number."""
        size = self.path.stat().st_size
        block = MAX_LINE * 8
        while size:
            start = max(0, size - block)
            with self.path.open("rb") as file:
                file.seek(start)
                tail = file.read(size - start)
            end = len(tail)
            while (newline := tail.rfind(b"\n", 0, end)) >= 0:
                before = tail.rfind(b"\n", 0, newline)
                if before < 0 and start:
                    break
                event = parse(tail[before + 1 : newline])
                if event is not None:
                    self._file.truncate(start + newline + 1)
                    return event.seq
                end = newline
            if not start:
                self._file.truncate(0)
                break
            block *= 8
        return 0

    def write(self, kind: str, **data: Any) -> Event:
        """Write one event and return it as it was written; NaN and infinity become null and raise an alert."""
        with self.lock:
            bad: list[str] = []
            clean = {k: _clean(v, k, bad) for k, v in data.items() if k not in _ENVELOPE}
            event = self._put(kind, clean)
            fresh = [name for name in bad if name not in self._said_nan]
            if fresh:
                self._said_nan.update(fresh)
                text = f"{kind}: not a finite number in {', '.join(fresh)}"
                self._put("alert", {"level": "error", "title": "Not a number", "text": text})
            return event

    def _put(self, kind: str, data: dict[str, Any]) -> Event:
        head = {"v": VERSION, "seq": self.seq + 1, "ts": round(time.time(), 3), "kind": kind}
        line, data = _fit(head, data)
        size = os.fstat(self._file.fileno()).st_size
        try:
            view = memoryview(line)
            while view:
                view = view[self._file.write(view) :]
        except BaseException:
            self._file.truncate(size)  # half a line would swallow the next one
            raise
        self.seq += 1
        event = Event(self.seq, float(head["ts"]), kind, data)  # type: ignore[arg-type]
        if self._listener:
            self._listener(event)
        return event

    def close(self) -> None:
        """Close the file; later writes are an error."""
        self._file.close()


def _clean(value: Any, name: str, bad: list[str]) -> Any:
    """A value as plain JSON: numbers of any library, paths and sets as well."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        number = float(value)
        if not math.isfinite(number):
            bad.append(name)
            return None
        return number
    if isinstance(value, Mapping):
        return {str(k): _clean(v, f"{name}.{k}", bad) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(v, name, bad) for v in value]
    return str(value)


def _fit(head: dict[str, Any], data: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    """The line and its data, long strings and then long collections cut until it is short enough."""
    for longest, most in ((None, None), (4000, None), (1000, None), (300, 200), (100, 40), (40, 10), (20, 3)):
        cut = data if longest is None else {k: _cut(v, longest, most) for k, v in data.items()}
        line = json.dumps({**head, **cut}, allow_nan=False).encode() + b"\n"
        if len(line) <= MAX_LINE:
            return line, cut
    cut = {"cut": True}
    return json.dumps({**head, **cut}).encode() + b"\n", cut


def _cut(value: Any, longest: int, most: int | None) -> Any:
    if isinstance(value, str):
        return value if len(value) <= longest else value[: longest - 1] + "…"
    if isinstance(value, dict):
        return {_cut(k, longest, most): _cut(v, longest, most) for k, v in list(value.items())[:most]}
    if isinstance(value, list):
        return [_cut(v, longest, most) for v in value[:most]]
    return value


class EventReader:
    """Tails an events file by byte offset; never parses a line before its newline is there.

    A file that became shorter or was replaced is read again from its start: `restarts` then grows, and what was
    reduced so far must be forgotten.
    """

    def __init__(self, path: Path) -> None:
        self.path = path / "events.jsonl" if path.is_dir() else path
        self.offset = 0
        """Bytes read so far, always at the start of a line."""
        self.size = 0
        """Bytes in the file at the last look."""
        self.restarts = 0
        self.bad = 0
        """Complete lines that held no event of this version."""
        self._inode: tuple[int, int] | None = None

    def poll(self, max_bytes: int = 4 << 20) -> list[Event]:
        """The events that arrived since the last call, at most `max_bytes` of them (a whole line at least)."""
        return list(self._poll(max_bytes))

    def _poll(self, max_bytes: int) -> Iterator[Event]:
        try:
            with self.path.open("rb") as file:
                stat = os.fstat(file.fileno())
                inode = (stat.st_dev, stat.st_ino)
                if stat.st_size < self.offset or self._inode not in (None, inode):
                    self.offset = 0
                    self.restarts += 1
                self._inode, self.size = inode, stat.st_size
                file.seek(self.offset)
                chunk = file.read(min(max_bytes, stat.st_size - self.offset))
                end = chunk.rfind(b"\n") + 1
                while not end and self.offset + len(chunk) < stat.st_size:  # a foreign line longer than the chunk
                    chunk += file.read(max_bytes)
                    end = chunk.rfind(b"\n") + 1
        except FileNotFoundError:
            return
        self.offset += end
        for line in chunk[:end].split(b"\n"):
            event = parse(line)
            if event is not None:
                yield event
            elif line.strip():
                self.bad += 1

    @property
    def behind(self) -> int:
        """Bytes that were in the file at the last look and have not been read."""
        return max(0, self.size - self.offset)
