"""How a cache of lists stands, for a person."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from core.units import duration, size
from eagertui.cli.output.lists import output, plain_table
from eagertui.plain import visible


def show_cache(told: dict[str, Any]) -> None:
    """The figures of `core.recommend.cache.cached_lists.CachedLists.status`."""
    console = output()
    answers = ", ".join(f"{count:,} {state}" for state, count in sorted(told["answers"].items())) or "none yet"
    rate = "" if told["hit_rate"] is None else f"; hit rate {told['hit_rate']:.1%}"
    console.print(Text(visible(told["path"])))
    console.print(f"{told['lists']:,} lists, {size(told['bytes'])}, {told['bytes_a_user'] or 0:.0f} bytes a list")
    console.print(f"answers: {answers}{rate}")
    console.print(f"journal: {told['journal']}")
    right = ("k", "kept", "users", "pending", "median age", "oldest", "users/s")
    table = plain_table("history", "seen", "only", *right, "current", right=right)
    for one in told["generations"]:
        only = one["only"] or ", ".join(
            f"{name} {one[name]}" for name in ("allow", "deny") if one[name] not in (None, 0)
        )
        days = one["age_days"]
        table.add_row(
            one["history_kind"], "hidden" if one["hide_seen"] else "kept", Text(visible(only or "–")), str(one["k"]),
            str(one["depth"]), f"{one['users']:,}", f"{one['pending']:,}",
            *(duration(86_400 * days[name]) if name in days else "–" for name in ("median", "oldest")),
            f"{one['users_per_second']:,.0f}" if one["users_per_second"] else "–",
            "yes" if one["current"] else Text(visible(one["why"])),
        )  # fmt: skip
    console.print(table)
