"""Keras layers with a faster way under TensorFlow: the same mathematics, the same weights, any backend."""
