"""The story of a run, one JSON line an event: written by the engine alone, tailed by any number of viewers."""

from __future__ import annotations

import contextlib
import json
import math
import numbers
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from core.safe_json import LATEST

VERSION = 1
MAX_LINE = 8192
"""Longest line in bytes, its newline included."""

KINDS = frozenset(
    {"run.started", "run.finished", "stage.started", "stage.finished", "stage.reused", "progress", "metric"}
    | {"eval", "sample", "checkpoint", "artefact", "alert", "system", "log"}
)
_ENVELOPE = ("v", "seq", "ts", "kind")


class Event(msgspec.Struct, frozen=True):
    """One line: its number in the run (from 1, gap-free), Unix time, kind, and what it says."""

    seq: int
    ts: float
    kind: str
    data: Mapping[str, Any] = {}


_decode = msgspec.json.Decoder().decode


def parse(line: bytes) -> Event | None:
    """The event in one complete line, or None where the line holds none."""
    if len(line) > MAX_LINE:
        return None
    try:
        raw = _decode(line)
    except (ValueError, RecursionError):
        raw = _decode_slowly(line)
    if not isinstance(raw, dict) or raw.pop("v", None) != VERSION:
        return None
    seq, ts, kind = raw.pop("seq", None), raw.pop("ts", None), raw.pop("kind", None)
    if type(seq) is not int or not isinstance(kind, str):
        return None
    if type(ts) not in (float, int) or not 0 <= ts < LATEST:
        return None
    return Event(seq, float(ts), kind, raw)


def _decode_slowly(line: bytes) -> Any:
    """What only Python's own decoder takes: NaN, half a surrogate pair."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


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
            with contextlib.suppress(OSError):
                self._file.truncate(size)  # half a line would swallow the next one
            raise
        self.seq += 1
        event = Event(self.seq, float(head["ts"]), kind, data)  # type: ignore[arg-type]
        if self._listener:
            self._listener(event)
        return event

    @property
    def lost(self) -> bool:
        """Whether the file that is written is no longer the one at its path."""
        try:
            return not os.path.samestat(self.path.stat(), os.fstat(self._file.fileno()))
        except OSError:
            return True

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
    reduced so far must be forgotten. A file that is gone has nothing new.
    """

    def __init__(self, path: Path) -> None:
        self.path = path / "events.jsonl" if path.is_dir() else path
        self.offset = 0
        """Bytes read so far, always at the start of a line, or inside one that is too long."""
        self.behind = 0
        """Bytes that were there at the last look and wait for the next one; half a line at the end is none."""
        self.restarts = 0
        self.bad = 0
        """Complete lines that held no event of this version."""
        self._inode: tuple[int, int] | None = None
        self._inside = False
        """Whether `offset` lies inside a line that is too long."""

    def poll(self, max_bytes: int = 4 << 20) -> list[Event]:
        """The events that arrived since the last call, at most `max_bytes` of them (a whole line at least)."""
        return list(self.stream(max_bytes))

    def stream(self, max_bytes: int = 4 << 20) -> Iterator[Event]:
        """As `poll`, but each event is made when it is asked for; ask for all of them."""
        return self._parse(self._read(max_bytes))

    def _read(self, max_bytes: int) -> bytes:
        """The next whole lines."""
        try:
            with self.path.open("rb", buffering=0) as file:
                stat = os.fstat(file.fileno())
                inode = (stat.st_dev, stat.st_ino)
                if stat.st_size < self.offset or self._inode not in (None, inode):
                    self.offset, self._inside = 0, False
                    self.restarts += 1
                self._inode = inode
                file.seek(self.offset)
                chunk = file.read(max_bytes)
                while b"\n" not in chunk and len(chunk) <= MAX_LINE and (more := file.read(max_bytes)):
                    chunk += more
        except OSError:
            self.behind = 0
            self._inode = self._inode and (0, 0)  # whatever stands there next is another file, whichever inode it gets
            return b""
        self.behind = max(0, stat.st_size - self.offset - len(chunk))
        end = chunk.rfind(b"\n") + 1
        if not end and (self._inside or len(chunk) > MAX_LINE):  # no line of ours is that long
            self.offset += len(chunk)
            self._inside = True
            return b""
        self.offset += end
        if self._inside and end:
            self._inside = False
            self.bad += 1
            return chunk[chunk.index(b"\n") + 1 : end]
        return chunk[:end]

    def _parse(self, lines: bytes) -> Iterator[Event]:
        for line in lines.split(b"\n"):
            event = parse(line)
            if event is not None:
                yield event
            elif line.strip():
                self.bad += 1
