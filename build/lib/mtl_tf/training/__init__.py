"""Fitting: losses, metrics, checkpoints, the training loop, and the run folder."""
