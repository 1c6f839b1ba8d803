"""The process that answers questions about a run, and its one client."""
