"""Words for every branch of the code tree, from the items' titles and texts."""
