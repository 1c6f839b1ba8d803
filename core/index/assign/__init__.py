"""Points to places: balanced k-means, minimum-cost matching, Sinkhorn's plans; quantizers and conflicts use them."""
