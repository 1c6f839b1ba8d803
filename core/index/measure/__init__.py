"""What an index is worth: the report, what its branches agree on, two indices side by side."""
