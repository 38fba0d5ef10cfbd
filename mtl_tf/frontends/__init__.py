"""Front ends: Keras layers from waveform to features, computed where the model runs."""
