"""The Home place: known projects and their runs."""
