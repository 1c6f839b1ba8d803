"""Step sizes: how they rise, stay and fall."""

from __future__ import annotations

import pytest

from core.training.schedule import Schedule


@pytest.mark.parametrize("shape", ["cosine", "linear", "constant"])
@pytest.mark.parametrize("total", [1, 2, 7, 400])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 1.0])
def test_step_sizes(shape: str, total: int, warmup: float) -> None:
    plan = Schedule(1, 0.1, warmup=warmup, shape=shape)
    factors = [plan.factor(step, total) for step in range(total)]
    assert all(0 < factor <= 1 + 1e-12 for factor in factors)
    top = max(range(total), key=factors.__getitem__)
    assert factors[: top + 1] == sorted(factors[: top + 1])
    assert factors[top:] == sorted(factors[top:], reverse=True)
    if total == 400 and warmup == 0.1:
        assert factors[0] == pytest.approx(1 / 40) and factors[39] == pytest.approx(1.0)
        middle = {"cosine": 0.5, "linear": 0.5, "constant": 1.0}[shape]
        assert factors[220] == pytest.approx(middle, abs=1e-9)
        assert factors[-1] == pytest.approx({"cosine": 0.0, "linear": 1 / 360, "constant": 1.0}[shape], abs=1e-4)


@pytest.mark.parametrize("shape", ["linear", "sqrt"])
@pytest.mark.parametrize(("anneal", "floor"), [(0.1, 0.0), (0.2, 0.1), (1.0, 0.5)])
def test_step_sizes_that_fall_at_the_end(shape: str, anneal: float, floor: float) -> None:
    """At the end of the rise, at the end of the stable part and at the end; and the area under them all."""
    total, rise = 2000, 100
    plan = Schedule(1, 0.1, warmup=0.05, shape="wsd", anneal=anneal, anneal_to=floor, anneal_shape=shape)
    factors = [plan.factor(step, total) for step in range(total)]
    stable = round((1 - anneal) * (total - rise))
    assert factors[rise - 1] == 1.0 and factors[rise : rise + stable] == pytest.approx([1.0] * stable)
    assert factors[-1] == pytest.approx(floor, abs=0.08 if shape == "sqrt" else 0.01)
    assert factors[rise:] == sorted(factors[rise:], reverse=True)
    mean = floor + (1 - floor) * (1 / 2 if shape == "linear" else 1 / 3)  # of what falls
    area = rise / 2 + stable + (total - rise - stable) * mean
    assert sum(factors) == pytest.approx(area, rel=0.002)


def test_without_an_end_to_fall_in_it_stays_where_it_was() -> None:
    plan = Schedule(1, 0.1, warmup=0.0, shape="wsd", anneal=0.0)
    assert [plan.factor(step, 10) for step in range(10)] == [1.0] * 10
    as_before = Schedule(1, 0.1, warmup=0.0, shape="wsd")
    assert [as_before.factor(step, 100) for step in (0, 89, 95, 99)] == pytest.approx([1.0, 1.0, 0.5, 0.1], abs=0.01)
