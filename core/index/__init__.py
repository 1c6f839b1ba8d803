"""Item indices: a short unique code for every item, made from its vectors."""
