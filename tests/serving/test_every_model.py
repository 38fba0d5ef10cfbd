import io

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from alone import ask_alone
from small_models import LOG_MEL, SMALL, TASKS, small_model

from mtl_tf.frontends.build import build_frontend
from mtl_tf.models.build import answer, build_model, build_trunk
from mtl_tf.models.steps import model_steps
from mtl_tf.serving.checks import foreign_operations
from mtl_tf.serving.signatures import ServedModel
from mtl_tf.serving.warm_up import clip_example, wav_bytes
from mtl_tf.tasks.task import Task

RATE = 8000
PAPERS = {"gresnet", "cab_cnn", "fu2020", "shared_dnn"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in PAPERS else pytest.mark.slow) for name in SMALL]
)
def test_every_trunk_is_served_by_every_signature(name, tmp_path):
    model = small_model(name)
    for weight in model.weights:  # untrained heads of zeros would agree on anything
        if not np.any(weight):
            weight.assign(0.1 * np.random.default_rng(0).standard_normal(weight.shape))
    classes = {name: list(task.classes) for name, task in TASKS.items()}
    served = ServedModel(model, classes)
    tf.saved_model.save(served, str(tmp_path / "1"), signatures=served.signatures())
    assert not foreign_operations(tmp_path / "1")
    signatures = tf.saved_model.load(str(tmp_path / "1")).signatures
    waveform = (0.1 * np.random.default_rng(1).standard_normal((3, 9000))).astype(np.float32)
    counted = np.array([9000, 5000, 9000], np.int32)
    answers = signatures["with_length"](waveform=tf.constant(waveform), length=tf.constant(counted))
    expected = answer(model, waveform, counted)
    for task in TASKS:
        np.testing.assert_allclose(answers[task], expected[task], atol=1e-5)
        alone = signatures[f"task_{task}"](waveform=tf.constant(waveform[1:2, :5000]))[task]
        np.testing.assert_allclose(alone[0], answers[task][1], atol=1e-5)
    embedding = signatures["embedding"](waveform=tf.constant(waveform))["embedding"]
    assert embedding.shape[0] == 3 and np.isfinite(embedding).all()
    windows = signatures["windows"](
        waveform=tf.constant(waveform[0]), window_s=tf.constant(0.5), hop_s=tf.constant(0.4)
    )
    np.testing.assert_allclose(windows["start_s"], [0.0, 0.4, 0.8], atol=1e-6)
    wav = [wav_bytes(clip, RATE) for clip in waveform]
    samples = np.stack([soundfile.read(io.BytesIO(content), dtype="float32")[0] for content in wav])
    expected = answer(model, samples)
    from_bytes = signatures["from_wav_bytes"](wav=tf.constant(wav))
    examples = [clip_example(clip, RATE).SerializeToString() for clip in waveform]
    for task in TASKS:
        np.testing.assert_allclose(from_bytes[task], expected[task], atol=1e-5)
        classified = signatures[f"classify_{task}"](inputs=tf.constant(examples))
        np.testing.assert_allclose(classified["scores"], expected[task], atol=1e-5)
    first = answer(model, waveform[:1, :4000])
    for task in TASKS:
        np.testing.assert_allclose(windows[task][0], np.asarray(first[task])[0], atol=1e-5)
    # Servers are told that weights never change, and may keep them as their kernels like them best.
    requests = [("serving_default", {"waveform": waveform[:count]}) for count in (1, 3, 2, 1)]
    requests += [("from_wav_bytes", {"wav": np.array(wav[:count], object)}) for count in (1, 3)]
    frozen = ask_alone(tmp_path / "1", requests, tmp_path, TF_ONEDNN_ASSUME_FROZEN_WEIGHTS="1")
    for (name, inputs), found in zip(requests, frozen, strict=True):
        plain = signatures[name](**{key: tf.constant(values) for key, values in inputs.items()})
        for task in TASKS:
            np.testing.assert_allclose(found[task], plain[task], atol=1e-5)


def test_steps_of_a_stretched_axis_are_served_with_the_times_of_each_clip():
    question = Task("event", ("cat", "dog"), "frame_f1", exclusive=False, of_frames=True)
    options = {key: value for key, value in LOG_MEL.items() if key != "name"} | {"num_frames": 40, "fit": "resize"}
    frontend, trunk = build_frontend("log_mel", options), build_trunk("crnn", SMALL["crnn"])
    model = build_model(frontend, trunk, {"event": question})
    steps, signatures = model_steps(frontend, trunk), ServedModel(model, {"event": ["cat", "dog"]}).signatures()
    waveform = (0.1 * np.random.default_rng(1).standard_normal((2, 9000))).astype(np.float32)
    time_s = signatures["with_length"](waveform, np.array([9000, 5000], np.int32))["time_s"].numpy()
    for row, samples in zip(time_s, (9000, 5000), strict=True):
        np.testing.assert_allclose(row, steps.of(samples).middles_s, atol=1e-5)
    windows = signatures["windows"](waveform[0], np.float32(0.5), np.float32(0.4))["time_s"].numpy()
    np.testing.assert_allclose(windows[1], 0.4 + steps.of(4000).middles_s, atol=1e-5)
    np.testing.assert_allclose(windows[2], 0.8 + steps.of(2600).middles_s, atol=1e-5)  # what is left of the clip
