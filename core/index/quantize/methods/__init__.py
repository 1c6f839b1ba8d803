"""The methods that turn vectors into codes: one file and one class each, light to import."""
