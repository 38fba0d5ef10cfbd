"""What a trained network has inside: how much its embedding varies from clip to clip."""

import keras
import numpy as np

from mtl_tf.config import PipelineConfig
from mtl_tf.data.clip_source import ClipSource
from mtl_tf.data.pipeline import pad_batch
from mtl_tf.models.build import answer
from mtl_tf.models.embedding import embedding_of

NUM_CLIPS = 32


def embedding_variance(
    model: keras.Model, source: ClipSource, positions: np.ndarray, config: PipelineConfig
) -> float | None:
    """Measures the intermediate output variance of Callebaut 2021 (section 4.1), of what the heads see.

    Chosen here: the variance of each value over clips, divided by the mean of its square, so that the scale of an
    embedding does not count; then the mean over the values that are not always zero. 0: all clips have the same
    embedding; 1: its values have no mean.

    Args:
        model: waveform to probabilities by task.
        source: samples of all clips.
        positions: of the clips; 32 of them, evenly spread, are used, cut to `clip_s`.
        config: for `clip_s`.

    Returns:
        None with less than two clips, or where the embedding is zero throughout.

    Raises:
        UserError: a clip cannot be decoded.
    """
    if len(positions) < 2:
        return None
    chosen = positions[np.linspace(0, len(positions) - 1, min(NUM_CLIPS, len(positions))).round().astype(int)]
    longest = round(config.clip_s * source.sample_rate)
    clips = [source.samples(position)[:longest] for position in chosen]
    waveform, length, _ = pad_batch(clips, np.zeros(len(clips)), None)
    embed = keras.Model(model.input, embedding_of(model))
    known = {name: values[chosen] for name, values in source.statistics.items()}
    values = np.asarray(answer(embed, waveform, length, **known), np.float64)
    squares = np.square(values).mean(axis=0)
    alive = squares > 0
    return float((values[:, alive].var(axis=0) / squares[alive]).mean()) if alive.any() else None
