"""The SASRec that also reads the items' text; its settings stand in [sasrec]."""

from __future__ import annotations

from core.baselines.sasrec import SasRecBaseline


class SasRecTextBaseline(SasRecBaseline):
    """See `core.vectors.sasrec_model`, with the text vectors as features; the stage `teacher` fits it."""

    inputs = ("teacher",)
