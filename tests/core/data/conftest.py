"""A maker of small projects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from core.project import Project
from core.setting_values import toml_value
from tests.core.data.data_tools import MakeProject


@pytest.fixture
def make(tmp_path: Path) -> MakeProject:
    """Write a log, an item table and a project file, and load the project.

    Tables are frames (written as Parquet), or texts or bytes (written as they are). The k-core is off unless set.
    """

    def write(content: Any, stem: str) -> str:
        if isinstance(content, pl.DataFrame):
            content.write_parquet(tmp_path / f"{stem}.parquet")
            return f"{stem}.parquet"
        (tmp_path / f"{stem}.txt").write_bytes(content.encode() if isinstance(content, str) else content)
        return f"{stem}.txt"

    def make_project(log: Any, table: Any = None, **settings: Any) -> Project:
        data: dict[str, Any] = {
            "interactions": write(log, "log"),
            "min_user_interactions": 0,
            "min_item_interactions": 0,
        }
        if table is not None:
            data["items"] = write(table, "items")
        data.update(settings)
        lines = [f"{key} = {toml_value(value)}" for key, value in data.items()]
        file = tmp_path / "project.toml"
        file.write_text("[data]\n" + "\n".join(lines) + "\n", encoding="utf-8")
        return Project.load(file)

    return make_project
