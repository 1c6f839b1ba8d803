"""The items of the newest index, for whoever looks for one by its title from anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.errors import EagerError
from core.run.folder import RunFolder
from eagertui.places.index.opening import find_index, open_lookup

if TYPE_CHECKING:
    from core.index.lookup import Lookup


class Catalogue:
    """Titles and ids of the items; read when somebody looks, and again when the index is another one."""

    def __init__(self) -> None:
        self._stamp: object = None
        self._lookup: Lookup | None = None

    async def look(self, folders: Sequence[RunFolder]) -> None:
        """Take the index of the first of these runs that has one."""
        await asyncio.to_thread(self._look, folders)

    def _look(self, folders: Sequence[RunFolder]) -> None:
        at = find_index(folders)
        if at is None:
            self._stamp = self._lookup = None
        elif at.stamp != self._stamp:
            try:
                self._lookup = open_lookup(at)
            except EagerError:
                self._lookup = None
            self._stamp = at.stamp

    def search(self, text: str, most: int) -> list[tuple[str, str]]:
        """Ids and titles of the items that a text finds, see `Lookup.search`."""
        lookup = self._lookup
        if lookup is None:
            return []
        numbers = lookup.search(text, most)
        return [(lookup.item_id(number), lookup.title(number) or lookup.item_id(number)) for number in numbers]
