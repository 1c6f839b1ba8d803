"""The writer and the reader of events: whatever happens to the file, no event is lost, torn or told twice."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.run.events import KINDS, MAX_LINE, EventReader, EventWriter, parse

TEXT = st.text(st.characters(), max_size=40)
PAYLOAD = st.dictionaries(TEXT, TEXT | st.integers() | st.floats() | st.lists(TEXT, max_size=3), max_size=4)


def write(path: Path, count: int) -> None:
    writer = EventWriter(path)
    for n in range(count):
        writer.write("log", text=f"line {n} é 界")
    writer.close()


def test_cut_at_every_byte(tmp_path: Path) -> None:
    whole = tmp_path / "whole.jsonl"
    write(whole, 6)
    raw = whole.read_bytes()
    expected = EventReader(whole).poll()
    assert [e.seq for e in expected] == [1, 2, 3, 4, 5, 6]
    for cut in range(len(raw) + 1):
        path = tmp_path / "cut.jsonl"
        path.write_bytes(raw[:cut])
        reader = EventReader(path)
        first = reader.poll()
        assert len(first) == raw[:cut].count(b"\n")
        with path.open("ab") as file:
            file.write(raw[cut:])
        assert first + reader.poll() == expected
        assert (reader.bad, reader.restarts) == (0, 0)
        path.unlink()


def test_resume_after_a_cut_at_every_byte(tmp_path: Path) -> None:
    whole = tmp_path / "whole.jsonl"
    write(whole, 4)
    raw = whole.read_bytes()
    for cut in range(len(raw) + 1):
        path = tmp_path / "cut.jsonl"
        path.write_bytes(raw[:cut])
        write(path, 2)
        events = EventReader(path).poll()
        assert [e.seq for e in events] == list(range(1, raw[:cut].count(b"\n") + 3))
        path.unlink()


def test_resume_behind_rubbish(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, 3)
    with path.open("ab") as file:
        file.write(b"\0" * 200_000 + b"\nnonsense\n\n{")
    write(path, 1)
    assert [e.seq for e in EventReader(path).poll()] == [1, 2, 3, 4]


def test_small_chunks_give_the_same_events(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, 50)
    expected, reader, got = EventReader(path).poll(), EventReader(path), []
    while events := reader.poll(max_bytes=10):
        got += events
    assert got == expected
    assert reader.behind == 0


def test_truncated_or_replaced_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, 5)
    reader = EventReader(path)
    assert len(reader.poll()) == 5
    path.write_bytes(b"")
    assert reader.poll() == []
    assert reader.restarts == 1
    write(path, 2)
    assert [e.seq for e in reader.poll()] == [1, 2]
    path.unlink()
    assert reader.poll() == []
    write(path, 9)
    assert len(reader.poll()) == 9  # though the new file may have got the old one's inode
    assert reader.restarts == 2


def test_lines_that_are_no_events_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, 1)
    with path.open("ab") as file:
        file.write(b'[]\n{"v": 2, "seq": 2, "ts": 1, "kind": "log"}\n\xff\xfe\n{"v":1,"seq":"x","ts":1,"kind":"log"}\n')
        file.write(b'{"v": 1, "seq": 2, "ts": 1, "kind": "later"}\n')
    reader = EventReader(path)
    assert [e.kind for e in reader.poll()] == ["log", "later"]
    assert reader.bad == 4


def test_not_a_number_becomes_null_and_one_alert(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path / "events.jsonl")
    for step in range(3):
        writer.write("metric", step=step, values={"loss": math.nan, "lr": np.float32(0.5), "n": np.int64(3)})
    writer.write("metric", step=9, values={"grad": math.inf})
    events = EventReader(writer.path).poll()
    assert [e.kind for e in events] == ["metric", "alert", "metric", "metric", "metric", "alert"]
    assert events[0].data["values"] == {"loss": None, "lr": 0.5, "n": 3}
    assert "loss" in events[1].data["text"]
    assert "NaN" not in writer.path.read_text()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(sorted(KINDS)), PAYLOAD), max_size=6))
def test_any_payload_comes_back_whole(tmp_path: Path, story: list[tuple[str, dict[str, object]]]) -> None:
    path = tmp_path / "events.jsonl"
    path.unlink(missing_ok=True)
    writer = EventWriter(path)
    for kind, payload in story:
        writer.write(kind, **{k: v for k, v in payload.items() if k not in ("kind", "self")})
    writer.close()
    lines = path.read_bytes().split(b"\n")
    events = EventReader(path).poll()
    assert [e.seq for e in events] == list(range(1, len(lines)))
    assert [e.kind for e in events if e.kind != "alert"] == [k for k, _ in story if k != "alert"]


@settings(max_examples=200, deadline=None)
@given(PAYLOAD, st.booleans(), st.booleans())
def test_a_line_means_what_python_reads_in_it(payload: dict[str, object], ascii_only: bool, tight: bool) -> None:
    head = {"v": 1, "seq": 7, "ts": 5, "kind": "log"}
    line = json.dumps({**payload, **head}, ensure_ascii=ascii_only, separators=(",", ":") if tight else None).encode(
        "utf-8", "surrogatepass"
    )
    event = parse(line)
    if len(line) <= MAX_LINE:
        assert event is not None
        assert repr(event.data) == repr({k: v for k, v in json.loads(line).items() if k not in head})


@settings(deadline=None)
@given(st.binary(max_size=60) | TEXT.map(lambda text: text.encode("utf-8", "replace")))
def test_any_line_is_an_event_or_none(line: bytes) -> None:
    assert parse(line) is None


@pytest.mark.parametrize(
    "value", ["x" * 100_000, "界" * 50_000, ["y" * 90] * 5_000, {f"k{i}": "z" * 50 for i in range(9000)}]
)
def test_long_lines_are_cut(tmp_path: Path, value: object) -> None:
    writer = EventWriter(tmp_path / "events.jsonl")
    event = writer.write("log", text=value, short="kept")
    raw = writer.path.read_bytes()
    assert len(raw) <= MAX_LINE
    assert event.data["short"] == "kept"
    parsed = parse(raw)
    assert parsed is not None
    assert parsed.data == event.data
    many = writer.write("log", **{f"k{i}": "z" * 90 for i in range(9000)})
    assert many.data == {"cut": True}


def test_a_failed_write_leaves_no_half_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    writer = EventWriter(path)
    writer.write("log", text="one")

    class Full:
        def __init__(self, inner: object) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> object:
            return getattr(self.inner, name)

        def write(self, data: memoryview) -> int:
            self.inner.write(data[:7])  # type: ignore[attr-defined]
            raise OSError(28, "No space left on device")

    file = writer._file
    writer._file = Full(file)  # type: ignore[assignment]
    with pytest.raises(OSError, match="No space"):
        writer.write("log", text="two")
    writer._file = file
    writer.write("log", text="three")
    events = EventReader(path).poll()
    assert [(e.seq, e.data["text"]) for e in events] == [(1, "one"), (2, "three")]
    assert json.loads(path.read_text().splitlines()[0])["v"] == 1
