"""The bridge without a screen: runs, attaching, the serving child and its ways to fail."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core.errors import EagerError, EnvironmentFault, ProjectError
from core.run.folder import RunFolder
from eagertui.bridge import Bridge, Serving
from tests.core.run.run_tools import is_alive
from tests.eagertui.app_tools import SLOW, fake_engine, until


def test_without_a_project(tmp_path: Path) -> None:
    bridge = Bridge(None)
    assert bridge.runs() == []
    with pytest.raises(ProjectError, match="no project"):
        bridge.train()


def test_the_headless_command(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bridge = Bridge(shop, ["seed=3"])
    assert bridge.headless("train", "--new").endswith("shop/project.toml --set seed=3 --new")
    monkeypatch.chdir(shop)
    assert bridge.headless("train") == "eagertui --headless train project.toml --set seed=3"


async def test_two_that_start_at_the_same_moment_share_one_run(shop: Path) -> None:
    bridges = [Bridge(shop, engine=fake_engine(*SLOW)) for _ in range(4)]
    answers = await asyncio.gather(*(asyncio.to_thread(bridge.train) for bridge in bridges))
    assert len({folder.path for folder, _ in answers}) == 1
    assert sorted(done for _, done in answers).count("attached") == 3
    assert len(bridges[0].runs()) == 1


async def test_start_attach_continue_and_start_anew(shop: Path) -> None:
    bridge = Bridge(shop, engine=fake_engine(*SLOW))
    one, done = bridge.train()
    assert done == "started"
    again, done = bridge.train()
    assert (again.path, done) == (one.path, "attached")
    with pytest.raises(EnvironmentFault):
        bridge.resume(one)
    await until(lambda: one.status().state == "running")
    bridge.kill(one)
    again, done = bridge.train()
    assert (again.path, done) == (one.path, "continued")
    bridge.kill(one)
    other, done = bridge.train(new=True)
    assert (done, other.path == one.path) == ("started", False)
    assert {run.id for run in bridge.runs()} == {one.id, other.id}


async def test_watch_tells_a_run_to_its_end_and_attaches_late(shop: Path) -> None:
    bridge = Bridge(shop, engine=fake_engine("--steps", "20"))
    folder, _ = bridge.train()
    states = []
    async for follower in bridge.watch(folder):
        states.append(follower.status.state)
        if follower.over:
            break
    assert states[-1] == "finished"
    assert follower.state.missing == 0
    async for late in bridge.watch(folder):  # everything in one batch
        assert late.state.series["loss"].points == follower.state.series["loss"].points
        break


async def test_the_two_rungs_of_stopping(shop: Path) -> None:
    bridge = Bridge(shop, engine=fake_engine(*SLOW))
    folder, _ = bridge.train()
    bridge.send(folder, "stop")
    await until(lambda: not is_alive(folder))
    assert folder.status().state == "stopped"
    bridge.resume(folder)
    await until(lambda: folder.status().state == "running")
    bridge.signal(folder)
    await until(lambda: not is_alive(folder))
    assert folder.status().exit_code == 130


# --- the serving child --------------------------------------------------------------------------------------------


def serving(folder: RunFolder, *options: str) -> tuple[Serving, list[str]]:
    said: list[str] = []
    bridge = Bridge(None, engine=fake_engine(*options))
    return bridge.serving(folder, said.append), said


async def test_questions_and_answers(finished: RunFolder) -> None:
    child, said = serving(finished)
    await child.start()
    assert (child.ready, child.users, said) == (True, 60, ["loading the model"])
    answers = await asyncio.gather(
        child.ask("users", prefix="reader-01", limit=3), child.ask("recommend", user="reader-007", k=5)
    )
    assert answers[0]["users"] == ["reader-010", "reader-011", "reader-012"]
    assert (answers[1]["user"], len(answers[1]["items"])) == ("reader-007", 5)
    with pytest.raises(EagerError, match="no user nobody") as caught:
        await child.ask("recommend", user="nobody", k=5)
    assert caught.value.remedy
    assert child.alive
    await child.close()
    assert not child.alive
    with pytest.raises(EnvironmentFault, match="gone"):
        await child.ask("users", prefix="", limit=1)
    await child.close()  # twice is fine


async def test_a_run_that_cannot_serve(finished: RunFolder) -> None:
    child, _ = serving(finished, "--no-start")
    with pytest.raises(EagerError, match="no checkpoint") as caught:
        await child.start()
    assert caught.value.remedy == "train it first"
    assert not child.alive
    missing = Bridge(None, engine=["/nowhere/python"]).serving(finished, print)
    with pytest.raises(EnvironmentFault, match="cannot start"):
        await missing.start()


async def test_a_child_that_dies_fails_every_waiting_question(finished: RunFolder) -> None:
    child, _ = serving(finished, "--die-on", "reader-001")
    await child.start()
    with pytest.raises(EnvironmentFault, match="ended"):
        await child.ask("recommend", user="reader-001", k=5)
    assert not child.alive
    await child.close()


async def test_a_deaf_child_can_be_left_and_ended(finished: RunFolder) -> None:
    child, _ = serving(finished, "--deaf")
    await child.start()
    asking = asyncio.create_task(child.ask("users", prefix="", limit=1))
    await until(lambda: child._waiting)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not child._waiting.keys() - {0}
    await child.close()
    assert not child.alive


async def test_a_start_that_nobody_waits_for_leaves_no_process(finished: RunFolder) -> None:
    child = Bridge(None, engine=["/bin/sh", "-c", "sleep 600"]).serving(finished, print)
    starting = asyncio.create_task(child.start())
    await until(lambda: child._child is not None)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert child._child is not None
    assert child._child.returncode is not None
