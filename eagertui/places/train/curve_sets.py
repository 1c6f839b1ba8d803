"""Which curves of a run belong into one picture; found from their names alone. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from core.run.state import SYSTEM, TARGET_METRIC, RunState
from eagertui.widgets.chart.plot import Curve
from eagertui.widgets.draw import clip, safe

COLOURS = ("$accent", "$primary", "$success", "$foreground", "$warning", "$error", "$secondary")
LONGEST_NAME = 24
_LEVEL = re.compile(r"loss_\d+$")
_LIMIT = re.compile("disk|total")
_SINGLE = {
    "learning_rate": "learning rate",
    "targets_per_second": "targets a second",
    "tokens_per_second": "tokens a second",
    "users_per_second": "users a second",
    "gradient_norm": "gradient norm",
    "grad_norm": "gradient norm",
}
_NAMES = {
    f"valid {TARGET_METRIC}": "N@10",
    "valid recall@10": "R@10",
    f"{SYSTEM}cpu_percent": "engine cpu %",
    f"{SYSTEM}machine_cpu_percent": "machine cpu %",
    f"{SYSTEM}machine_memory_percent": "machine memory %",
    f"{SYSTEM}gpu_percent": "gpu %",
    f"{SYSTEM}memory_mb": "engine MB",
    f"{SYSTEM}gpu_memory_mb": "gpu MB",
    f"{SYSTEM}gpu_watts": "gpu W",
    **_SINGLE,
}


@dataclass(frozen=True)
class CurveSet:
    """One picture's curves.

    Attributes:
        key: tells the set from the others, today and tomorrow.
        title: what they are, together.
        names: of the series, the most important first.
        share: whether they are metrics between 0 and 1.
        smooths: whether smoothing makes sense of them.
        unit: what their steps count.
    """

    key: str
    title: str
    names: tuple[str, ...]
    share: bool = False
    smooths: bool = True
    unit: str = "step"


def curve_sets(names: Iterable[str]) -> list[CurveSet]:
    """Every picture that the series of a run give, the most telling first.

    The first is the loss of the training that came last: an earlier one, such as that of the behaviour model, counts
    its own steps and stands further back. What else a training says of itself alone, as its reward, follows the loss
    and the validation.
    """
    known = [name for name in names if not name.startswith("test ")]
    families: dict[str, list[str]] = {}
    for name in known:
        if (family := _family(name)) is not None:
            families.setdefault(family, []).append(name)
    losses = [
        CurveSet(f"loss {family}".strip(), f"{_plain(family)} loss".strip(), _first(members, "loss"))
        for family, members in reversed(families.items())
    ]
    valid = [name for name in (f"valid {TARGET_METRIC}", "valid recall@10") if name in known]
    valid = valid or [name for name in known if name.startswith("valid ")]
    sets = [*losses[:1]]
    if valid:
        sets.append(CurveSet("valid", "validation", tuple(valid), share=True, smooths=False))
    latest = known.index(losses[0].names[0]) if losses else len(known)
    own = [name for name in known[latest:] if _is_plain(name)]
    sets += [CurveSet(name, _plain(name), (name,)) for name in own]
    sets += [CurveSet(name, title, (name,), smooths=name != "learning_rate") for name, title in _SINGLE.items()
             if name in known]  # fmt: skip
    if levels := sorted((n for n in known if _LEVEL.match(n)), key=lambda n: int(n[5:])):
        sets.append(CurveSet("levels", "loss of each code", tuple(levels)))
    for key, title, end in (("load", "load", "_percent"), ("memory", "memory", "_mb"), ("power", "power", "_watts")):
        members = [n for n in known if n.startswith(SYSTEM) and n.endswith(end) and not _LIMIT.search(n)]
        if members:
            sets.append(CurveSet(key, title, tuple(members), smooths=False, unit="second"))
    sets += losses[1:]
    used = {name for one in sets for name in one.names}
    means = [n for n in known if n.startswith("epoch_") and not _LEVEL.search(n)]
    if means:
        sets.append(CurveSet("epochs", "means of each epoch", tuple(means), smooths=False))
    return sets + [CurveSet(name, _plain(name), (name,)) for name in known if name not in used and _is_plain(name)]


def _is_plain(name: str) -> bool:
    """Whether nothing is known of a series: it gets a picture of its own."""
    known = name in _SINGLE or name.startswith(("epoch_", "valid ", SYSTEM)) or _LEVEL.match(name)
    return not known and _family(name) is None


def _family(name: str) -> str | None:
    """What a loss is the loss of; empty for the model's own, None where the name is no loss."""
    if name.startswith("epoch_"):
        return None
    if name == "loss" or name.startswith("loss/"):
        return ""
    return name.removesuffix("_loss") if name.endswith("_loss") else None


def _first(names: list[str], first: str) -> tuple[str, ...]:
    return tuple(sorted(names, key=lambda name: name != first))


def _plain(name: str) -> str:
    return clip(name.replace("_", " "), LONGEST_NAME)


def curve_name(name: str) -> str:
    """A series' name for a legend."""
    if name in _NAMES:
        return _NAMES[name]
    if _LEVEL.match(name):
        return f"code {name[5:]}"
    for start in ("loss/", "valid ", SYSTEM, "epoch_"):
        name = name.removeprefix(start)
    return _plain(safe(name))


def curves_of(one: CurveSet, state: RunState) -> list[Curve]:
    """A set's curves as they stand."""
    best = state.best.step if state.best is not None else None
    colours = COLOURS[2:3] + COLOURS[1:2] + COLOURS[:1] + COLOURS[3:] if one.key == "valid" else COLOURS
    return [
        Curve(
            curve_name(name),
            state.series[name].points,
            colours[min(place, len(colours) - 1)],
            best if name == f"valid {TARGET_METRIC}" else None,
        )
        for place, name in enumerate(one.names)
        if name in state.series
    ]
