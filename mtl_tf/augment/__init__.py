"""Keras layers that change clips in training, so that a network does not learn what is beside the point."""
