"""A run: its folder and the names of its files, the walk from corpora to scores, resuming, merging, asking it again."""
