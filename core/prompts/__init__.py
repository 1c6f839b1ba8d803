"""From wordings to training examples: one renderer for training, evaluation and the explorer."""
