"""Item indices: a short unique code for every item, made from its vectors.

The way through: `build` takes vectors through `quantize` (one file a method) and `conflicts` to a `table` of unique
codes in the `shape` asked for; `artefact` writes it with its `measure`d report, its `branches` and their `words`.
`lookup` and `nearest` answer questions about a finished index, `exchange` reads and writes other people's, `revisions`
adds items later. `assign` has the placing of points that several of them need.
"""
