"""Lists that follow a few words: "more of this, less of that", after the abstract of DPR (arXiv 2602.18929).

The user's vector moves before retrieval, so that what the words ask for can enter a list that would not have held it.
`tags` knows the labels of the catalogue, `text_space` the words of its texts; `steerer` turns words into a move,
`experts` learns moves that depend on the user. The stage in `core.recommend` fits all this once a run; `user_space`
there is where users and items stand, and `steered_lists` makes the lists.
"""
