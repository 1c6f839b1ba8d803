"""A slow line gets fewer frames, a fast one all of them."""

from __future__ import annotations

import asyncio
import queue
from types import SimpleNamespace

import pytest
from textual.app import App
from textual.screen import Screen

from eagertui import pace
from eagertui.app import EagerApp
from eagertui.pace import LONGEST, Pace
from eagertui.textual_private import frames_waiting
from eagertui.widgets.typed_line import TypedLine


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Time that passes only where somebody sleeps."""
    clock = SimpleNamespace(now=100.0, on_sleep=lambda: None)

    async def sleep(seconds: float) -> None:
        clock.now += seconds
        clock.on_sleep()

    monkeypatch.setattr(pace.asyncio, "sleep", sleep)
    monkeypatch.setattr(pace.time, "monotonic", lambda: clock.now)
    return clock


def line_that_takes(seconds: float, clock: SimpleNamespace) -> SimpleNamespace:
    """An app whose terminal needs so long for a frame."""
    frames: queue.Queue[str] = queue.Queue()
    app = SimpleNamespace(_driver=SimpleNamespace(_writer_thread=SimpleNamespace(_queue=frames)))

    def draw() -> None:
        frames.put("frame")
        due = clock.now + seconds

        def take() -> None:
            if clock.now >= due and not frames.empty():
                frames.get()

        clock.on_sleep = take

    return SimpleNamespace(app=app, draw=draw)


def frames_a_minute(seconds: float, clock: SimpleNamespace) -> int:
    line = line_that_takes(seconds, clock)
    rest, end, drawn = Pace(line.app), clock.now + 60, 0
    while clock.now < end:
        line.draw()
        drawn += 1
        asyncio.run(rest.rest())
        clock.now += 0.2
    return drawn


def test_a_fast_line_gets_every_frame(clock: SimpleNamespace) -> None:
    assert frames_a_minute(0.01, clock) >= 200


def test_a_slow_line_gets_so_few_that_it_stands_idle_in_between(clock: SimpleNamespace) -> None:
    assert 4 <= frames_a_minute(2.0, clock) <= 12


def test_a_line_that_hangs_does_not_hold_the_app_for_ever(clock: SimpleNamespace) -> None:
    line = line_that_takes(1e9, clock)
    line.draw()
    began = clock.now
    asyncio.run(Pace(line.app).rest())
    assert clock.now - began < 2 * LONGEST + 1


def test_a_line_that_recovers_gets_every_frame_again(clock: SimpleNamespace) -> None:
    line = line_that_takes(3.0, clock)
    rest = Pace(line.app)
    line.draw()
    asyncio.run(rest.rest())
    assert rest.rest_seconds >= 1
    for _ in range(5):
        asyncio.run(rest.rest())
    assert rest.rest_seconds == 0


async def test_the_place_where_textual_keeps_its_frames_is_still_there() -> None:
    """`frames_waiting` looks inside Textual; a release that moves it must not go unnoticed."""
    import io

    from textual.drivers._writer_thread import WriterThread

    thread = WriterThread(io.StringIO())
    thread.write("one")
    driver = SimpleNamespace(_writer_thread=thread)
    assert frames_waiting(SimpleNamespace(_driver=driver)) == 1  # type: ignore[arg-type]
    assert frames_waiting(EagerApp()) == 0


class Terminal:
    """A terminal that takes writes when it is told to."""

    def __init__(self) -> None:
        self._queue: queue.Queue[str] = queue.Queue()


async def test_frames_that_a_slow_terminal_could_not_take_are_left_out_and_the_last_state_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Thirty waiting writes would hold the loop, and with it every key."""
    drawn: list[object] = []
    monkeypatch.setattr(App, "_display", lambda app, screen, picture: drawn.append(picture))
    app = EagerApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.1)
        terminal = Terminal()
        monkeypatch.setattr(app._driver, "_writer_thread", terminal, raising=False)
        drawn.clear()
        for _ in range(pace.WAITING):
            terminal._queue.put("frame")
        for _ in range(40):
            app.screen.refresh()
            await pilot.pause(0.01)
        assert drawn and not any(drawn)
        for _ in range(pace.WAITING):
            terminal._queue.get()
        await pilot.pause(4 * pace.LOOK)
        whole = [picture for picture in drawn if picture]
        assert [type(picture).__name__ for picture in whole] == ["LayoutUpdate"]
        await pilot.pause(4 * pace.LOOK)
        assert app._owed is None


async def test_a_cursor_that_nobody_moves_draws_nothing() -> None:
    app = EagerApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.push_screen(pick := Screen())
        await pick.mount(field := TypedLine())
        field.focus()
        await pilot.pause(0.2)
        drawn: list[object] = []
        app.post_display_hook = lambda: drawn.append(1)  # type: ignore[method-assign]
        await pilot.pause(1.2)
        assert not drawn
