"""Exported models on recorded clips: alone, beside a loud neighbour, padded, and from bytes."""

import numpy as np
import pytest
import tensorflow as tf

from mtl_tf.data.decode import load_clip
from mtl_tf.models.build import answer
from mtl_tf.runs.load_model import load_model
from mtl_tf.serving.export import export_run
from mtl_tf.serving.portable import write_portable

TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def exported(finished_run, tmp_path_factory):
    return export_run(finished_run, tmp_path_factory.mktemp("served") / "digits")


@pytest.mark.real
def test_recorded_clips_answer_the_same_every_way(finished_run, exported, real_audio):
    files = [
        *sorted((real_audio / "ravdess_native").rglob("*.wav")),
        *sorted((real_audio / "fsdd").rglob("*.wav"))[:24],
    ]
    assert len(files) > 25
    clips = [load_clip(file, 8000) for file in files]
    model, signatures = load_model(finished_run), tf.saved_model.load(str(exported)).signatures
    keras = tf.function(lambda waveform: answer(model, waveform, training=False), [tf.TensorSpec([None, None])])
    for file, clip in zip(files, clips, strict=True):
        expected = keras(clip[None])
        longer = np.zeros((2, len(clip) + 4321), np.float32)
        longer[0, : len(clip)] = clip
        longer[1] = np.random.default_rng(0).uniform(-1, 1, longer.shape[1])
        counted, with_length = tf.constant([len(clip), longer.shape[1]], tf.int32), signatures["with_length"]
        ways = {
            "alone": signatures["serving_default"](waveform=tf.constant(clip[None])),
            "padded": with_length(waveform=tf.constant(longer[:1]), length=counted[:1]),
            "beside a loud neighbour": with_length(waveform=tf.constant(longer), length=counted),
            "from bytes": signatures["from_wav_bytes"](wav=tf.constant([file.read_bytes()])),
        }
        for way, answers in ways.items():
            for task, values in expected.items():
                found = answers[task].numpy()[0]
                np.testing.assert_allclose(found, values[0], atol=TOLERANCE, err_msg=f"{way}, {file}")
                assert found.argmax() == np.argmax(values[0])


@pytest.mark.real
def test_eight_bit_weights_keep_the_answers_on_recorded_clips(finished_run, real_audio, tmp_path):
    (result,) = write_portable(finished_run, tmp_path, ["lite_int8"])
    interpreter = tf.lite.Interpreter(str(tmp_path / result["file"]))
    ask, model = interpreter.get_signature_runner("serving_default"), load_model(finished_run)
    same = []
    for file in sorted((real_audio / "fsdd").rglob("*.wav"))[::20]:
        clip = np.zeros((1, result["samples"]), np.float32)
        samples = load_clip(file, 8000)[: clip.shape[1]]
        clip[0, : len(samples)] = samples
        counted = np.array([len(samples)], np.int32)
        found, expected = ask(waveform=clip, length=counted), answer(model, clip, counted)
        same += [np.argmax(found[task]) == np.argmax(values) for task, values in expected.items()]
    assert len(same) > 50 and np.mean(same) > 0.95
