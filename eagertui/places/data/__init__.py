"""The Data place: what is in the logs."""
