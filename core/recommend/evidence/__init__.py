"""Why an item stands where it stands: computed from the model, the index and the training log, never invented.

Every kind of evidence is a module of its own; `explain` puts them together into one `record.Evidence`, `sentences` says
it in words, and `smallest_change` answers the question that follows: what would have to be otherwise?
"""
