"""A run's folder, which is the protocol between the engine and everybody who looks at it."""
