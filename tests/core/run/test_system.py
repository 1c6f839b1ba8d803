"""What a run takes of the machine, measured on real processes; a module stands in for NVIDIA's cards."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.run.events import EventReader
from core.run.folder import RunFolder
from core.run.reporter import RunReporter
from core.run.system import Cautions, Clock, Gpus, LoadSampler
from tests.core.run.run_tools import wait_until

KEYS = {
    "cpu_percent", "memory_mb", "threads", "machine_cpu_percent", "machine_memory_percent", "disk_free_mb",
}  # fmt: skip
EATER = "import sys; block = bytearray(b'x') * (120 << 20); print('ready', flush=True); sys.stdin.read()"


@pytest.fixture
def eater() -> Iterator[None]:
    """A child that holds 120 MB."""
    with subprocess.Popen([sys.executable, "-c", EATER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield


class Nvml:
    """Answers for two cards; the second one does not tell its power, and knows no third."""

    class NVMLError(Exception):
        pass

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        if index > 1:
            raise self.NVMLError("invalid")
        return index

    def nvmlDeviceGetHandleByUUID(self, name: str) -> int:
        if name != "GPU-one":
            raise self.NVMLError("unknown")
        return 1

    def nvmlDeviceGetUtilizationRates(self, card: int) -> SimpleNamespace:
        return SimpleNamespace(gpu=40 + 20 * card, memory=1)

    def nvmlDeviceGetMemoryInfo(self, card: int) -> SimpleNamespace:
        return SimpleNamespace(used=(1 + card) << 30, total=8 << 30, free=0)

    def nvmlDeviceGetPowerUsage(self, card: int) -> int:
        if card:
            raise self.NVMLError("not supported")
        return 250_500


def test_a_machine_without_cards(tmp_path: Path) -> None:
    machine = LoadSampler(tmp_path)
    values = machine.measure()
    assert set(values) == KEYS
    assert values["memory_mb"] > 10
    assert values["threads"] >= 1
    assert 0 < values["machine_memory_percent"] <= 100
    assert values["disk_free_mb"] > 0
    began, end = time.monotonic(), time.process_time() + 0.2
    while time.process_time() < end:
        pass
    share = 0.2 / (time.monotonic() - began)  # little on a busy machine
    assert machine.measure()["cpu_percent"] > 50 * share


def test_memory_of_children_counts(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    machine = LoadSampler(tmp_path)
    before = machine.measure()
    request.getfixturevalue("eater")
    after = machine.measure()
    assert after["memory_mb"] > before["memory_mb"] + 100
    assert after["threads"] > before["threads"]


def test_a_container_has_its_own_bound(tmp_path: Path) -> None:
    for name, text in {"max": "1000\n", "current": "990\n", "stat": "anon 900\ninactive_file 10\n"}.items():
        (tmp_path / f"memory.{name}").write_text(text)
    assert LoadSampler(tmp_path, cgroup=tmp_path).measure()["machine_memory_percent"] == 98.0
    (tmp_path / "memory.max").write_text("max\n")
    assert LoadSampler(tmp_path, cgroup=tmp_path).measure()["machine_memory_percent"] < 98.0


def test_a_folder_that_is_gone_has_no_free_space(tmp_path: Path) -> None:
    assert "disk_free_mb" not in LoadSampler(tmp_path / "nowhere").measure()


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, {"gpu_percent": 50.0, "gpu_memory_mb": 3072.0, "gpu_memory_total_mb": 16384.0, "gpu_watts": 250.5}),
        ("0", {"gpu_percent": 40.0, "gpu_memory_mb": 1024.0, "gpu_memory_total_mb": 8192.0, "gpu_watts": 250.5}),
        ("GPU-one", {"gpu_percent": 60.0, "gpu_memory_mb": 2048.0, "gpu_memory_total_mb": 8192.0}),
        ("1, 7, 0", {"gpu_percent": 60.0, "gpu_memory_mb": 2048.0, "gpu_memory_total_mb": 8192.0}),
        ("-1", {}),
        ("", {}),
    ],
)
def test_graphics_cards(tmp_path: Path, visible: str | None, expected: dict[str, float]) -> None:
    values = LoadSampler(tmp_path, Gpus(Nvml(), visible)).measure()
    assert {name: value for name, value in values.items() if name.startswith("gpu")} == expected


def test_no_module_no_driver_no_card_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert Gpus.find() is None

    class Broken(Nvml):
        def nvmlInit(self) -> None:
            raise self.NVMLError("driver not loaded")

    monkeypatch.setitem(sys.modules, "pynvml", Broken())
    assert Gpus.find() is None
    monkeypatch.setattr(Broken, "nvmlInit", lambda self: None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert Gpus.find() is None
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert Gpus.find() is not None


def test_each_caution_is_told_once() -> None:
    cautions = Cautions()
    assert cautions.about({"disk_free_mb": 5000.0, "machine_memory_percent": 50.0}) == []
    assert cautions.about({}) == []
    told = cautions.about({"disk_free_mb": 900.0, "machine_memory_percent": 96.0})
    assert [title for title, _ in told] == ["The disk is almost full", "The memory is almost full"]
    assert "0.9 GB" in told[0][1]
    assert cautions.about({"disk_free_mb": 10.0, "machine_memory_percent": 99.0}) == []


def test_a_clock_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    true = time.time
    clock = Clock()
    assert clock.jumped() == 0.0
    monkeypatch.setattr(time, "time", lambda: true() - 7200)
    assert clock.jumped() == pytest.approx(-7200, abs=1)
    assert clock.jumped() == 0.0
    monkeypatch.setattr(time, "time", true)
    assert clock.jumped() == pytest.approx(7200, abs=1)


def test_the_reporter_tells_load_and_cautions(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.run.reporter.HEARTBEAT", 0.02)
    monkeypatch.setattr("core.run.reporter.SYSTEM_INTERVAL", 0.05)
    monkeypatch.setattr("core.run.system.LOW_DISK", float("inf"))
    with RunReporter(folder) as reporter:
        curves = reporter.state.series
        wait_until(lambda: "system cpu_percent" in curves and len(curves["system cpu_percent"].points) > 0)
        wait_until(lambda: EventReader(folder.events_path).poll()[-1].seq > 5)
        reporter.finish("finished", 0)
    events = EventReader(folder.events_path).poll()
    assert set(next(e for e in events if e.kind == "system").data["values"]) >= KEYS
    alerts = [e.data for e in events if e.kind == "alert"]
    assert [(a["level"], a["title"]) for a in alerts] == [("warning", "The disk is almost full")]
