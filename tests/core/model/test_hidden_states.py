"""The cache of keys and values, under the name that the installed transformers has for it."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import DynamicCache

from core.model.forward import embed, hidden_states
from tests.core.engine_tools import FAMILIES, small_index, small_lm, uneven_codes


@pytest.mark.parametrize("family", FAMILIES)
def test_reading_on_from_a_cache_is_reading_it_all_and_nothing_warns(family: str, tmp_path: Path) -> None:
    """transformers renames arguments and drops the old names later; its warnings belong on nobody's screen."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        # A checkpoint is tried with a cache when it is loaded.
        lm, _ = small_lm(family, tmp_path, small_index(uneven_codes(9, 2, 3, 0), (3, 3)))
        embedded, cache = embed(lm, torch.arange(1, 13).reshape(2, 6)), DynamicCache()
        whole = hidden_states(lm, embedded)
        first = hidden_states(lm, embedded[:, :4], cache)
        position = torch.arange(4, 6).expand(2, -1)
        rest = hidden_states(lm, embedded[:, 4:], cache, position=position)
    assert cache.get_seq_length() == 6
    assert torch.allclose(torch.cat([first, rest], dim=1), whole, atol=1e-4)


class Base(nn.Module):
    """Keeps what it was called with."""

    def taken(self, embedded: Tensor, **given: Any) -> SimpleNamespace:
        self.given = {name: value for name, value in given.items() if value is not None}
        return SimpleNamespace(last_hidden_state=embedded)


class Older(Base):
    """A decoder of transformers 5.23."""

    def forward(
        self,
        inputs_embeds: Tensor,
        attention_mask: Any,
        position_ids: Any,
        use_cache: bool,
        past_key_values: Any = None,
    ) -> SimpleNamespace:
        return self.taken(inputs_embeds, use_cache=use_cache, past_key_values=past_key_values)


class Newer(Base):
    """A decoder of transformers 5.40, which refuses the old name."""

    def forward(
        self, inputs_embeds: Tensor, attention_mask: Any, position_ids: Any, use_cache: bool, cache: Any = None
    ) -> SimpleNamespace:
        return self.taken(inputs_embeds, use_cache=use_cache, cache=cache)


@pytest.mark.parametrize(("kind", "name"), [(Older, "past_key_values"), (Newer, "cache")])
def test_both_names_are_known(kind: type[Base], name: str) -> None:
    base, cache = kind(), DynamicCache()
    lm: Any = SimpleNamespace(base_model=base)
    hidden_states(lm, torch.zeros(1, 2, 3), cache)
    assert base.given == {"use_cache": True, name: cache}
    hidden_states(lm, torch.zeros(1, 2, 3))
    assert base.given == {"use_cache": False}
