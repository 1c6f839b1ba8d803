"""Teaching a language model the items' codes."""
