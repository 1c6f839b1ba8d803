"""The balanced k-means tree: items are split again and again into equal parts.

After EAGER-LLM's dual-source index (arXiv 2502.14735), without the padding of the released one (`eager-llm-tree`).
"""

from __future__ import annotations

from core.index.quantize import Quantized, Quantizer, Task
from core.index.quantize.mean_steps import mean_steps


class KmeansTree(Quantizer):
    """An item's code is its path; unique where the widths' product reaches the number of items."""

    tree = True

    def quantize(self, task: Task) -> Quantized:
        """Split the items; a code's vector is its mean step."""
        from core.index.quantize.tree import kmeans_tree

        codes = kmeans_tree(task.vectors, task.widths, task.seed, task.reporter)
        return Quantized(codes, task.widths, task.vectors, mean_steps(task.vectors, codes, task.widths))
