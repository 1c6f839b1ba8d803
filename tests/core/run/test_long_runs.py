"""A long story: the same state however it is cut, a bounded one whatever it holds, and soon there."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest

from core.run.events import MAX_LINE, Event, EventReader, parse
from core.run.folder import RunFolder
from core.run.follow import Follower
from core.run.reducer import MAX_PACES, MAX_SERIES, MAX_WATCHED, reduce, reduce_all
from core.run.state import MAX_KEPT, MAX_LOG, MAX_POINTS, RunState
from tests.benchmarks.terminal.long_run import open_run, story

COUNT = 20_000


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return list(story(COUNT))


def told(state: RunState) -> dict[str, object]:
    """Everything that a state says, comparable."""
    known = {name: value for name, value in vars(state).items() if name not in ("series", "_turn")}
    curves = {name: (repr(s.points), s.rewind, s._stride, s._pending) for name, s in state.series.items()}
    return {**known, "series": curves}


def test_the_state_is_the_same_however_the_story_is_cut(lines: list[bytes], folder: RunFolder) -> None:
    raw = b"".join(lines)
    rng = random.Random(7)
    folder.events_path.write_bytes(raw)
    whole = Follower(folder)
    assert whole.poll(len(raw))
    assert (whole.state.last_seq, whole.state.missing, whole.bad_lines, whole.behind) == (COUNT, 0, 0, 0)
    expected = told(whole.state)
    assert told(open_run(folder).state) == expected

    folder.events_path.write_bytes(b"")
    growing, place = Follower(folder), 0
    with folder.events_path.open("ab", buffering=0) as file:
        while place < len(raw):
            step = rng.choice((1, 3, 100, 5_000, 90_000))
            file.write(raw[place : place + step])
            place += step
            growing.poll(rng.choice((10, 700, 1 << 20)))
            assert growing.bad_lines == 0
    while growing.behind:
        growing.poll()
    assert told(growing.state) == expected


def test_event_by_event_gives_the_same_state_and_changes_none_before(lines: list[bytes]) -> None:
    events = [event for line in lines[:6000] if (event := parse(line[:-1]))]
    assert len(events) == 6000
    state, kept = RunState(), []
    for event in events:
        state = reduce(state, event)
        if event.seq % 1500 == 0:
            kept.append((event.seq, state))
    assert told(state) == told(reduce_all(RunState(), events))
    for seq, earlier in kept:
        assert told(earlier) == told(reduce_all(RunState(), events[:seq]))


def test_a_state_lends_the_next_one_what_did_not_change(lines: list[bytes]) -> None:
    before = reduce_all(RunState(), (event for line in lines[:2000] if (event := parse(line[:-1]))))
    after = reduce(before, Event(2001, before.last_ts, "metric", {"step": 9000, "values": {"loss": 1.0}}))
    changed = {name for name in after.series if after.series[name] is not before.series[name]}
    assert changed == {"loss"}
    assert len(after.series["loss"].points) == len(before.series["loss"].points) + 1


def test_a_long_run_opens_fast(lines: list[bytes], folder: RunFolder) -> None:
    folder.events_path.write_bytes(b"".join(lines))
    began = time.process_time()
    for line in lines:
        json.loads(line)
    plain, began = time.process_time() - began, time.process_time()
    open_run(folder)
    assert time.process_time() - began < 4 * plain + 0.05  # usually about as long as json.loads alone


def test_a_hostile_story_stays_small() -> None:
    def happenings(count: int = 2_000) -> list[tuple[str, dict[str, object]]]:
        found: list[tuple[str, dict[str, object]]] = []
        for n in range(count):
            found += [
                ("metric", {"step": n, "values": {f"m{n}.{k}": 1.0 for k in range(50)}}),
                ("eval", {"step": n, "split": f"s{n}", "values": {"ndcg@10": n}}),
                ("system", {"values": {f"x{n}": 1.0}}),
                ("progress", {"task": f"t{n}", "done": n, "total": 9}),
                ("stage.started", {"stage": f"stage {n}"}),
                ("stage.finished", {"stage": f"other {n}"}),
                ("artefact", {"name": f"a{n}", "path": "p"}),
                *((kind, {"text": "x" * 50, "path": "p"}) for kind in ("log", "alert", "checkpoint")),
                ("sample", {"user": f"u{n}", "epoch": n, "target": ["b", "B"], "items": [["a", "A"]]}),
                ("sample", {"user": "u", "epoch": n, "target": ["b", "B"], "items": [["a", "A"], "no item"]}),
            ]
        return found

    events = [Event(n + 1, float(n), kind, data) for n, (kind, data) in enumerate(happenings())]
    state = reduce_all(RunState(), events)
    assert (len(state.series), state.left_out) == (MAX_SERIES, 2_000 * 52 - MAX_SERIES)
    assert (len(state.stages), len(state.artefacts), len(state._paces)) == (MAX_KEPT, MAX_KEPT, 0)
    assert (len(state.logs), len(state.evaluations)) == (MAX_LOG, MAX_LOG)
    assert (len(state.alerts), len(state.checkpoints)) == (MAX_KEPT,) * 2
    assert (len(state.watched), len(state.watched["u"])) == (MAX_WATCHED, MAX_WATCHED)
    assert state.watched["u"][-1].epoch == 1_999
    assert state.stage is not None
    assert state.stage.name == "other 1999"
    tasks = [Event(n, float(n), "progress", {"task": f"t{n}", "done": n}) for n in range(1, 2_000)]
    assert len(reduce_all(RunState(), tasks)._paces) == MAX_PACES


def test_the_load_of_the_machine_becomes_curves() -> None:
    state = reduce_all(RunState(), [Event(1, 1000.0, "run.started", {"run": "r"})])
    for n in range(1, 8_000):
        state = reduce(state, Event(n + 1, 1000.0 + 5 * n, "system", {"values": {"cpu_percent": float(n % 100)}}))
    curve = state.series["system cpu_percent"]
    assert curve.points[0] == (5, 1.0)
    assert curve.points[-1] == (5 * 7_999, 99.0)
    assert len(curve.points) <= MAX_POINTS
    resumed = reduce_all(state, [Event(8_001, 90_000.0, "run.started", {"run": "r", "resumed": True})])
    resumed = reduce(resumed, Event(8_002, 90_005.0, "system", {"values": {"cpu_percent": 1.0}}))
    assert resumed.series["system cpu_percent"].points[-1] == (89_005, 1.0)  # since the first start


def test_numbers_beyond_reason_do_not_stop_a_viewer(folder: RunFolder) -> None:
    ages = "1" + "0" * 400
    rows = [
        f'{{"v":1,"seq":1,"ts":{ages},"kind":"log","text":"no time"}}',
        '{"v":1,"seq":1,"ts":NaN,"kind":"log","text":"no time"}',
        '{"v":1,"seq":1,"ts":1e300,"kind":"log","text":"no calendar goes there"}',
        f'{{"v":1,"seq":1,"ts":1,"kind":"metric","step":{ages},"values":{{"loss":{ages},"x":1e999}}}}',
        '{"v":1,"seq":2,"ts":2,"kind":"metric","step":Infinity,"values":{"loss":NaN,"y":true}}',
        f'{{"v":1,"seq":3,"ts":3,"kind":"run.finished","exit_code":{ages},"state":"finished"}}',
        f'{{"v":1,"seq":4,"ts":4,"kind":"progress","task":"t","done":{ages},"total":1e999}}',
        '{"v":1,"seq":5,"ts":5,"kind":"log","text":"half a pair \\ud800 界 🙂"}',
        '{"v":1,"seq":6,"ts":6,"kind":"log","text":' + "[" * 3000 + "]" * 3000 + "}",
    ]
    folder.events_path.write_text("\n".join(rows) + "\n")
    follower = Follower(folder)
    follower.poll()
    assert (follower.bad_lines, follower.state.last_seq) == (4, 5)
    assert [step for step, _ in follower.state.series["loss"].points] == [0, 0]
    assert follower.state.logs[-1][1] == "half a pair \ud800 界 🙂"
    assert follower.state.progress is not None
    assert follower.state.progress.share == 0.0


def test_a_line_that_is_too_long_is_one_bad_line_however_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    line = b'{"v":1,"seq":%d,"ts":1,"kind":"log","text":"x"}\n'
    raw = line % 1 + b'{"text":"' + b"y" * (3 * MAX_LINE) + b'"}\n' + line % 2
    for step in (1000, MAX_LINE, len(raw)):
        path.write_bytes(b"")
        reader, events = EventReader(path), []
        for place in range(0, len(raw), step):
            with path.open("ab") as file:
                file.write(raw[place : place + step])
            events += reader.poll(4096)
        while reader.behind:
            events += reader.poll(4096)
        assert ([e.seq for e in events], reader.bad, reader.restarts) == ([1, 2], 1, 0)
        path.unlink()


def test_half_a_line_at_the_end_keeps_nobody_busy(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"v":1,"seq":1,"ts":1,"kind":"log","text":"x"}\n{"v":1,"seq":2,')
    reader = EventReader(path)
    assert len(reader.poll()) == 1
    assert reader.behind == 0
    path.unlink()
    assert reader.poll() == []
    assert reader.behind == 0
