"""Tables of any size: only the rows in sight are fetched and drawn."""
