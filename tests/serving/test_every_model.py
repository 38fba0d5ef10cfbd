import numpy as np
import pytest
import tensorflow as tf
from small_models import SMALL, TASKS, small_model

from mtl_tf.serving.export import foreign_operations
from mtl_tf.serving.signatures import ServedModel

PAPERS = {"gresnet", "cab_cnn", "fu2020", "shared_dnn"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in PAPERS else pytest.mark.slow) for name in SMALL]
)
def test_every_trunk_is_served_by_every_signature(name, tmp_path):
    model = small_model(name)
    for weight in model.weights:  # untrained heads of zeros would agree on anything
        if not np.any(weight):
            weight.assign(0.1 * np.random.default_rng(0).standard_normal(weight.shape))
    served = ServedModel(model, [])
    tf.saved_model.save(served, str(tmp_path / "1"), signatures=served.signatures())
    assert not foreign_operations(tmp_path / "1")
    signatures = tf.saved_model.load(str(tmp_path / "1")).signatures
    waveform = (0.1 * np.random.default_rng(1).standard_normal((3, 9000))).astype(np.float32)
    waveform[1, 5000:] = 0.0
    answers = signatures["serving_default"](waveform=tf.constant(waveform))
    expected = model(waveform, training=False)
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
    first = model(waveform[:1, :4000], training=False)
    for task in TASKS:
        np.testing.assert_allclose(windows[task][0], np.asarray(first[task])[0], atol=1e-5)
