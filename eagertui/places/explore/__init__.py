"""The Explore place: what a user gets, and why."""
