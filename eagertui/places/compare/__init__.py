"""The Compare place: finished runs side by side."""
