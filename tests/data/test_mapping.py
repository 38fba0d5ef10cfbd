"""A function applied to clips in batches gives what it gives for each clip, in their order."""

import re

import keras
import numpy as np
import pandas as pd
import pytest
import soundfile
import tensorflow as tf

from mtl_tf.config import PipelineConfig
from mtl_tf.data.clip_source import ClipSource
from mtl_tf.data.mapping import map_batches, map_clips
from mtl_tf.errors import UserError

LENGTHS = (400, 150, 320, 75, 500, 260, 90)
POSITIONS = np.array([6, 0, 3, 5, 1, 2, 4])
CONFIG = PipelineConfig(clip_s=1.0, batch_size=2)


@pytest.fixture
def clips(tmp_path):
    rng = np.random.default_rng(0)
    samples = [(0.1 * rng.standard_normal(length)).astype(np.float32) for length in LENGTHS]
    for index, values in enumerate(samples):
        soundfile.write(tmp_path / f"{index}.wav", values, 8000, "FLOAT")
    table = pd.DataFrame({"path": [f"{index}.wav" for index in range(len(samples))], "corpus": "x", "start_s": 0.0})
    table = table.assign(duration_s=np.nan, decoder="soundfile", plain_pcm_bits=0)
    table = table.assign(start_frame=0, num_frames=LENGTHS, audio_sha1="")
    return samples, ClipSource.from_manifest(table, {"x": tmp_path}, {"x": None}, 8000)


def measures(inputs):
    """Energy and peak, and both with the sum, of which padding changes nothing."""
    waveform = inputs["waveform"]
    energy, peak = tf.reduce_sum(waveform**2, axis=1), tf.reduce_max(tf.abs(waveform), axis=1)
    return {"energy": energy, "all": (peak, tf.stack([energy, peak, tf.reduce_sum(waveform, axis=1)], axis=1))}


@pytest.mark.parametrize("batches_per_call", [1, 3, 50])
def test_answers_come_in_the_order_asked_for(clips, batches_per_call):
    samples, source = clips
    found = map_clips(measures, source, POSITIONS, CONFIG, batches_per_call)
    wanted = [samples[position] for position in POSITIONS]
    energy, peak = [np.sum(values**2) for values in wanted], [np.abs(values).max() for values in wanted]
    np.testing.assert_allclose(found["energy"], energy, rtol=1e-5)
    np.testing.assert_allclose(found["all"][0], peak, rtol=1e-6)
    total = [values.sum() for values in wanted]
    np.testing.assert_allclose(found["all"][1], np.stack([energy, peak, total], axis=1), rtol=1e-4, atol=1e-5)


def test_batches_may_differ_in_length(clips):
    _, source = clips
    lengths = [batch.shape for batch in map_batches(lambda inputs: inputs["waveform"], source, POSITIONS, CONFIG)]
    assert lengths == [(2, 400), (2, 260), (2, 320), (1, 500)]


def test_a_model_with_state_answers_as_alone(clips):
    samples, source = clips
    waveform = keras.Input((None,))
    values = keras.layers.Lambda(lambda x: keras.ops.stack([keras.ops.sum(x**2, 1), keras.ops.max(x, 1)], 1))(waveform)
    model = keras.Model(waveform, {"a": keras.layers.Dense(3)(keras.layers.BatchNormalization()(values))})
    found = map_clips(lambda batch: model(batch["waveform"], training=False), source, POSITIONS, CONFIG, 4)["a"]
    for row, position in zip(found, POSITIONS, strict=True):
        np.testing.assert_allclose(row, np.asarray(model(samples[position][None])["a"])[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("batches_per_call", [1, 3])
def test_a_clip_that_cannot_be_read_is_named(clips, tmp_path, batches_per_call):
    _, source = clips
    (tmp_path / "2.wav").write_bytes(b"RIFF")
    with pytest.raises(UserError, match=re.escape(f"cannot decode {tmp_path / '2.wav'}")):
        map_clips(measures, source, POSITIONS, CONFIG, batches_per_call)
