"""How much embeddings vary, beside NumPy."""

import keras
import numpy as np
import pytest

from mtl_tf.compose import compose
from mtl_tf.data.assemble import divide
from mtl_tf.evaluation.probe import NUM_CLIPS, embedding_variance
from mtl_tf.runs.walk import read_clips
from mtl_tf.training.fit import build_run_model


def test_the_variance_is_that_of_numpy_over_single_clips(small_run):
    config = compose(small_run)
    clips = read_clips(config)
    fold = divide(clips.data, config, 0)
    keras.utils.set_random_seed(0)
    model = build_run_model(config, fold)
    rows = fold.positions("train")[: NUM_CLIPS // 2]
    embed = keras.Model(model.input, model.get_layer("trunk").output)
    samples = [clips.source.samples(row)[None, : round(config.pipeline.clip_s * 8000)] for row in rows]
    values = np.concatenate([np.asarray(embed({"waveform": clip, "length": None})) for clip in samples])
    used = values[:, (values != 0).any(axis=0)]
    expected = (used.var(axis=0) / (used**2).mean(axis=0)).mean()
    found = embedding_variance(model, clips.source, rows, config.pipeline)
    assert found == pytest.approx(expected, rel=1e-3) and 0 < found < 1
    assert embedding_variance(model, clips.source, rows[:1], config.pipeline) is None
    repeated = np.repeat(rows[:1], 4)
    assert embedding_variance(model, clips.source, repeated, config.pipeline) == pytest.approx(0, abs=1e-9)
