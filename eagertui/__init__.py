"""EagerTUI: from interaction logs to a generative LLM recommender, in the terminal."""
