"""A quantizer of another package goes the whole way: build, conflicts, report, and items that are added later."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from core.errors import ProjectError
from core.index.build import build_index
from core.index.measure.report import index_report
from core.index.revisions.free_codes import Places, Space
from core.index.shape import index_shape
from core.registry import QUANTIZERS
from core.run.reporter import NullReporter
from core.settings import IndexSettings
from core.vectors import ItemVectors
from tests.core.engine_tools import item_ids

SIGNS = '''
"""Toy codes."""
from dataclasses import dataclass

import numpy as np

from core.index.quantize import Quantized, Quantizer, Task
from core.index.quantize.mean_steps import mean_steps
from core.index.shape import IndexShape
from core.settings import opt


@dataclass(frozen=True)
class SignOptions:
    flip: bool = opt(False, "codes the other way round")


class Signs(Quantizer):
    """The sign of each of the first directions."""

    version = 3
    options = SignOptions

    @classmethod
    def shape(cls, sources, items, depth, width, spare):
        return IndexShape(((2,) * (depth or 7),) * sources, "a bit a direction")

    def quantize(self, task: Task) -> Quantized:
        codes = (task.vectors[:, : len(task.widths)] > 0).astype(np.int32)
        codes = 1 - codes if task.options.flip else codes
        return Quantized(codes, task.widths, task.vectors, mean_steps(task.vectors, codes, task.widths), {"bits": 7})
'''


@pytest.fixture
def signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a quantizer that a package brings by its entry point."""
    (tmp_path / "toy_signs.py").write_text(SIGNS)
    about = tmp_path / "toy_signs-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-signs\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text("[eagertui.quantizers]\ntoy-signs = toy_signs:Signs\n")
    monkeypatch.syspath_prepend(tmp_path)
    QUANTIZERS.forget()
    yield "toy-signs"
    monkeypatch.undo()
    QUANTIZERS.forget()


def held(items: int = 60) -> dict[str, ItemVectors]:
    rng = np.random.default_rng(0)
    known = np.ones(items, dtype=bool)
    return {name: ItemVectors(rng.normal(size=(items, 9)).astype(np.float32), known, "test") for name in
            ("semantic", "behavior")}  # fmt: skip


@pytest.mark.parametrize("sources", [("semantic",), ("behavior", "semantic")])
@pytest.mark.parametrize("conflicts", ["matching", "sinkhorn", "suffix", "share"])
def test_it_builds_settles_reports_and_takes_new_items(signs: str, sources: tuple[str, ...], conflicts: str) -> None:
    vectors, settings = held(), IndexSettings(method=signs, conflicts=conflicts)
    built = build_index(item_ids(60), vectors, sources, settings, 0, NullReporter())
    assert built.figures["method"] == signs and built.figures["shape"] == "a bit a direction"
    assert built.resolution.raw.shape == (60, 7 * len(sources)) and set(np.unique(built.resolution.raw)) == {0, 1}
    steps = built.resolution.figures["steps"]
    assert conflicts == "share" or (steps[-1]["items"] == 0 and len(np.unique(built.index.codes, axis=0)) == 60)
    assert len(sources) == 2 or steps[0]["items"] > 0  # there was something to settle
    report = index_report(built.index, vectors, built=built)
    assert set(report["reconstruction"]) == set(sources) and json.loads(json.dumps(report)) == report
    if conflicts != "share":
        spaces = {name: Space.of(one.matrix) for name, one in vectors.items()}
        places = Places(built.index, np.zeros((0, built.index.levels), dtype=np.int32), spaces)
        code = places.take({name: space.centred(vectors[name].matrix[5:6])[0] for name, space in spaces.items()})
        assert code is not None and code not in set(map(tuple, built.index.codes.tolist()))


def test_its_options_and_its_package_count(signs: str) -> None:
    kind = QUANTIZERS.options(signs)
    assert kind is not None
    codes = [
        build_index(item_ids(60), held(), ("semantic",), IndexSettings(method=signs, conflicts="share"), 0,
                    NullReporter(), {signs: kind(flip=flip)} if flip is not None else None).index.codes
        for flip in (None, False, True)
    ]  # fmt: skip
    assert np.array_equal(codes[0], codes[1]) and np.array_equal(codes[0], 1 - codes[2])
    assert QUANTIZERS.fingerprint(signs) == {
        f"quantizer {signs}": {"version": 3, "package": "toy-signs", "package_version": "1.2"}
    }


def test_its_shape_is_asked_for(signs: str) -> None:
    assert index_shape(asdict(IndexSettings(method=signs, depth=3)), ["semantic"], 1000).widths == ((2, 2, 2),)


def test_what_is_not_installed_is_named() -> None:
    with pytest.raises(ProjectError, match='no quantizer "toy-signs"'):
        build_index(item_ids(60), held(), ("semantic",), IndexSettings(method="toy-signs"), 0, NullReporter())
