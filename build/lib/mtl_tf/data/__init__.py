"""From corpus folders to batches: manifest, audit, splits, decoding, shards, sampling, tf.data."""
