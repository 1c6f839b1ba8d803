"""The serving child of the Index place: it finds nearest neighbours, without a model and beside the Explore place's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from core.run.folder import RunFolder
from core.serve.client import ServingClient
from eagertui.bridge import Bridge


class Neighbours:
    """Starts the child when somebody asks first, and keeps it for the next question.

    Args:
        bridge: the way to the engine.
        on_progress: called with a sentence while the child loads.
    """

    def __init__(self, bridge: Bridge, on_progress: Callable[[str], None]) -> None:
        self._bridge, self._on_progress = bridge, on_progress
        self._serving: ServingClient | None = None
        self._start: asyncio.Task[None] | None = None

    async def of(self, run: RunFolder, item_id: str) -> dict[str, Any]:
        """What the child tells of an item of a run's index.

        Raises:
            EagerError: it cannot start, or does not know.
        """
        serving = await self._child(run)
        return await serving.ask("neighbors", item=item_id)

    async def _child(self, run: RunFolder) -> ServingClient:
        old, start = self._serving, self._start
        starting = start is not None and not start.done()
        if old is None or start is None or old.folder.path != run.path or not (starting or old.alive):
            self._serving = self._bridge.serving(run, self._on_progress, lookup=True)
            self._start = start = asyncio.create_task(self._begin(old, self._serving), name="lookup")
        assert self._serving is not None
        serving = self._serving
        await asyncio.shield(start)  # whoever stops waiting leaves it to the next question
        return serving

    async def _begin(self, old: ServingClient | None, new: ServingClient) -> None:
        if old is not None:
            await old.close()
        await new.start()

    async def close(self) -> None:
        """End the child."""
        if self._start is not None and not self._start.done():
            self._start.cancel()
            await asyncio.wait([self._start])
        if self._serving is not None:
            await self._serving.close()
