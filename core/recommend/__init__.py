"""From a history to ranked items: the trie of legal codes, the beam search, and the process that serves them."""
