"""Items added to a run's index and taken out of it after training: no code moves."""
