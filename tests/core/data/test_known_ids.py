"""An unknown user is refused by a look at the data alone."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from core.data.known_ids import check_user, unknown_id
from core.errors import DataError


def test_known_and_unknown_users(tmp_path: Path) -> None:
    pl.DataFrame({"user_id": ["u001", "u002", "[red]"]}).write_parquet(tmp_path / "users.parquet")
    check_user(tmp_path, "u001")
    check_user(tmp_path, "[red]")
    with pytest.raises(DataError, match="no user 'u003' among the 3") as told:
        check_user(tmp_path, "u003")
    assert "did you mean u00" in told.value.remedy
    assert "ids look like a, b, c" in unknown_id("nobody", ["a", "b", "c", "d"], "item").remedy
    with pytest.raises(DataError, match=r"users\.parquet"):
        check_user(tmp_path / "nowhere", "u001")
