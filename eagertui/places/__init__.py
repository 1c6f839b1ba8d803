"""The places of the app, one file each, its style beside it."""
