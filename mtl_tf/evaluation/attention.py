"""Reads out the attention of models that weigh classifiers (CAB-CNN)."""

import keras
import numpy as np

from mtl_tf.models.classifier_attention import ClassifierAttention


def has_attention(model: keras.Model, task: str) -> bool:
    """Says whether a task's head weighs classifiers."""
    return isinstance(model.get_layer(task), ClassifierAttention)


def attention_weights(model: keras.Model, waveform: np.ndarray, task: str) -> np.ndarray:
    """Computes how much each classifier of a task counts over time.

    Args:
        model: of a run, with `model=cab_cnn`.
        waveform: float32 (samples,), one clip at the model's sample rate.
        task: whose classifiers.

    Returns:
        float32 (steps, classifiers), the steps of the clip alone; each row adds up to 1.
    """
    features, mask = model.get_layer("frontend")(waveform[None])
    hidden, valid = model.get_layer("trunk")(features, frame_mask=mask)
    weights = np.asarray(model.get_layer(task).attend(hidden))[0]
    return weights[np.asarray(valid)[0]]
