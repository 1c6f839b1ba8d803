"""The process that answers questions about a run, the lines that it speaks, and its one client."""
