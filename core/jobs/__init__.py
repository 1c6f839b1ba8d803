"""What a process of the engine does: a run, an errand of a screen, choosing or starting a run."""
