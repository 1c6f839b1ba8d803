"""The Train place: one run, live or over."""
