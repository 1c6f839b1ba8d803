"""The Index place at every size, without colour, with old and with damaged files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.index.lookup import Lookup
from eagertui.places.index import screen as index_module
from eagertui.places.index.code_tree import ASCII, row_parts
from eagertui.places.index.code_tree_rows import CodeRows
from tests.eagertui.damage import ANY, JSON, remove
from tests.eagertui.index_tools import some_codes, write_index
from tests.eagertui.places.index.index_place_tools import FINISHED, artefact, lookup, opened, place
from tests.eagertui.scenes import readers, settled
from tests.eagertui.terminal_tools import looks_whole
from tests.eagertui.world import World, world


@pytest.fixture
def made(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


@pytest.mark.parametrize("size", [(60, 18), pytest.param((200, 60), marks=pytest.mark.slow), (40, 12)])
async def test_every_view_at_every_size(made: World, size: tuple[int, int]) -> None:
    async with opened(made, readers, size) as eyes:
        await eyes.press("down", "right", "down")
        looks_whole(eyes.app)
        for _ in range(3):
            await eyes.press("v")
            looks_whole(eyes.app)
        for keys in (["i"], ["v", "enter"], ["slash", *"volume 88", "enter"]):
            await eyes.press(*keys)
            await settled(eyes)
            looks_whole(eyes.app)
            while eyes.app.screen is not place(eyes):
                await eyes.press("escape")


async def test_nothing_yet_names_the_next_key(made: World) -> None:
    async with opened(made, lambda made: made.project()) as eyes:
        await eyes.see("No item index yet", "4 train", "b build an index alone")
        assert not eyes.app.screen.check_action("find", ()) and not eyes.app.screen.check_action("diff", ())


async def test_an_old_index_shows_its_report(made: World) -> None:
    def build(made: World) -> Path:
        project = FINISHED(made)
        for name in ("branches.parquet", "order.npy", "raw.npy", "conflicts.parquet"):
            (artefact(made) / name).unlink()
        return project

    async with opened(made, build) as eyes:
        await eyes.see("an earlier version made it", "b builds the index again", "900 items", "16 of 16 codes used")
        looks_whole(eyes.app)
        await eyes.press("v", "i", "slash")
        assert eyes.app.screen is place(eyes)


OF_JSON = ("empty", "half", "gone", "folder", "unreadable", "list", "deep", "nothing", "all")
FILES = {
    "branches.parquet": ANY, "order.npy": ANY, "index.parquet": ANY, "conflicts.parquet": ANY, "raw.npy": ANY,
    "report.json": {name: JSON[name] for name in OF_JSON}, "items.parquet": ANY,
}  # fmt: skip


@pytest.mark.parametrize("file", FILES)
async def test_a_damaged_file_is_told_and_the_rest_is_shown(made: World, file: str) -> None:
    async with opened(made) as eyes:
        path = next(artefact(made).parent.glob(f"*/{file}"))
        whole = path.read_bytes()
        for name, damage in FILES[file].items():
            remove(path)
            path.write_bytes(whole)
            damage(path)
            if name == "forbidden" and os.geteuid() == 0:
                remove(path)
            before, place(eyes)._stamp = place(eyes)._open, ()
            place(eyes).news()
            await eyes.until(lambda before=before: place(eyes)._stamp != () and place(eyes)._open is not before)
            await settled(eyes)
            looks_whole(eyes.app)
            shown = place(eyes).opened
            assert shown is not None
            if file == "report.json":
                assert shown.lookup is not None and shown.conflicts is not None
            elif file == "conflicts.parquet":
                assert shown.lookup is not None and shown.report
                if "conflicts" in shown.trouble:
                    await eyes.see("✗ ")
            elif shown.lookup is None:
                assert shown.report and "tree" in shown.trouble
                await eyes.see("900 items", "✗ ")
            else:
                assert name == "noisy" or file == "raw.npy"
            for key in ("v", "v", "v"):
                await eyes.press(key)
                looks_whole(eyes.app)


async def test_the_index_is_read_once_and_again_when_it_is_another(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[object] = []
    whole = index_module.open_index
    monkeypatch.setattr(index_module, "open_index", lambda at: reads.append(at) or whole(at))
    async with opened(made) as eyes:
        for _ in range(5):
            place(eyes).news()
            await settled(eyes)
        assert len(reads) == 1
        run = place(eyes).run_folder
        assert run is not None
        first = lookup(eyes).index.codes
        made.index(run, seed=1)
        place(eyes).news()
        await eyes.until(lambda: len(reads) == 2 and place(eyes).lookup is not None)
        await eyes.until(lambda: not (lookup(eyes).index.codes == first).all())


async def test_without_colour_the_cursor_is_seen(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened(made) as eyes:
        await eyes.press("down")
        tree = place(eyes).codes
        assert tree.render_line(1)._segments[0].style.reverse  # type: ignore[union-attr]
        assert not tree.render_line(2)._segments[0].style.reverse  # type: ignore[union-attr]
        text = await eyes.see(r"▸ a1 ")
        assert "▾ all" in text


def test_a_row_of_the_tree_is_as_wide_as_it_should_be(tmp_path: Path) -> None:
    titles = ["\x1b[31mred", "界" * 60, "[red]x[/]", "e\u0301" * 30, "x" * 500, ""] * 5
    codes = some_codes(30, (3, 3, 30))
    write_index(tmp_path / "i", tmp_path / "d", codes, [f"\u202e{n}" for n in range(30)], titles, (3, 3, 30),
                ["semantic"] * 3, [["界面", "\x1b]0;x\x07", "[b]"]])  # fmt: skip
    held = Lookup.load(tmp_path / "i", tmp_path / "d")
    rows = CodeRows(held.branches)
    for branch in range(len(held.branches)):
        rows.open(branch)
    from rich.cells import cell_len

    for width in (1, 3, 10, 33, 34, 60, 90, 140):
        for row in range(rows.height):
            for signs in (ASCII, ASCII._replace(full="")):
                parts = row_parts(held, rows, rows.spot(row), width, signs)
                assert sum(cell_len(text) for text, _ in parts) == width, (width, parts)
                assert not any(sign < " " or sign == "\u202e" for text, _ in parts for sign in text)
