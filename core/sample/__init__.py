"""A synthetic bookshop whose best reachable recommendations are known, because we wrote the readers too.

`core.sample.shop.generate` makes everything that ``assets/sample`` ships; ``python -m core.sample DIR`` writes it.
"""
