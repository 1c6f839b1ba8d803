"""What a checkpoint is made of: vocabulary, pretrained weights, new token rows, adapters, masks, trie, dense scorer."""
