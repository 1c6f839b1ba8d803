"""Items that share a code: which they are, what that costs, and how they are told apart."""
