"""Forms: the settings before a training, and a new project."""
