"""How much the tasks share is what was asked."""

import keras
import numpy as np
import pytest
from small_models import LOG_MEL

from mtl_tf.errors import UserError
from mtl_tf.frontends.build import build_frontend
from mtl_tf.models.build import answer, build_model, build_trunk, count_parameters
from mtl_tf.models.embedding import embedding_of
from mtl_tf.tasks.task import Task
from mtl_tf.training.affinity import AffinityMeter
from mtl_tf.training.balanced_model import BalancedModel
from mtl_tf.training.balancing.pcgrad import PcGrad
from mtl_tf.training.losses import TaskLoss

TASKS = {"emotion": Task("emotion", tuple("abc")), "who": Task("who", tuple("de"))}
WIDTHS, BINS, UNITS = (4, 8, 16), 16, 8


def build(tasks=TASKS, **options):
    options = {"filters": WIDTHS, "embedding_units": UNITS, "dropout": 0.0} | options
    frontend = build_frontend("log_mel", {key: value for key, value in LOG_MEL.items() if key != "name"})
    return build_model(frontend, build_trunk("branched_cnn", options), tasks)


def block(channels, filters):
    return 9 * channels * filters + 4 * filters  # without bias; scale, offset and two statistics of the normalisation


@pytest.mark.parametrize("private", [0, 1, 2, 3])
@pytest.mark.parametrize("adapters", [0, 2])
def test_parameters_by_hand(private, adapters):
    model = build(private_blocks=private, adapter_filters=adapters)
    shared = len(WIDTHS) - private
    channels = [1, *WIDTHS]
    expected = sum(block(channels[index], WIDTHS[index]) for index in range(shared))
    for task in TASKS.values():
        beside = adapters if shared else 0
        for index in range(shared if adapters else 0):
            expected += block(channels[index] + (adapters if index else 0), adapters)
        width = channels[shared] + beside
        for filters in WIDTHS[shared:]:
            expected += block(width, filters)
            width = filters
        bins = BINS // 2 ** len(WIDTHS)
        expected += (2 * bins * width + 1) * UNITS + (UNITS + 1) * task.num_classes
    assert count_parameters(model) == expected


def test_the_same_network_alone_and_shared_answers_alike_with_the_same_weights():
    """A task's branch sees nothing of the other task, so a network of one task is a part of that of both."""
    both, alone = build(adapter_filters=2), build({"emotion": TASKS["emotion"]}, adapter_filters=2)
    for layer in ("trunk", "emotion_branch", "emotion"):
        alone.get_layer(layer).set_weights(both.get_layer(layer).get_weights())
    waveform = (0.1 * np.random.default_rng(0).standard_normal((2, 6000))).astype(np.float32)
    np.testing.assert_allclose(
        np.asarray(answer(alone, waveform)["emotion"]), np.asarray(answer(both, waveform)["emotion"]), atol=1e-6
    )


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a training step of TensorFlow")
def test_balancing_takes_branches_for_no_shared_weights():
    plain = build(private_blocks=2, adapter_filters=2)
    model = BalancedModel(plain.input, plain.output)
    model.balance(PcGrad(2, 0), {name: TaskLoss("per_batch") for name in TASKS}, dict.fromkeys(TASKS, 1.0))
    paths = [variable.path for variable in model._shared]
    assert paths and all(path.startswith("trunk") for path in paths)
    assert len(paths) == len(model.get_layer("trunk").trainable_variables)


def test_more_private_blocks_than_there_are_is_one_line():
    with pytest.raises(UserError, match=r"private_blocks=4: there are 3 blocks"):
        build(private_blocks=4)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a training step of TensorFlow")
@pytest.mark.parametrize("affinity", [False, True])
def test_nothing_shared_is_balanced_and_measured_all_the_same(affinity):
    plain = build(private_blocks=3)
    model = BalancedModel(plain.input, plain.output)
    meter = AffinityMeter(list(TASKS), 1) if affinity else None
    losses = {name: TaskLoss("per_batch") for name in TASKS}
    model.balance(PcGrad(2, 0), losses, dict.fromkeys(TASKS, 1.0), meter)
    model.compile("sgd", loss=losses)
    rng = np.random.default_rng(0)
    inputs = {"waveform": rng.standard_normal((4, 4000)).astype(np.float32), "length": np.full(4, 4000, np.int32)}
    labels = {name: rng.integers(0, 2, 4) for name in TASKS}
    weights = {name: np.ones(4, np.float32) for name in TASKS}
    history = model.fit(inputs, labels, sample_weight=weights, epochs=1, verbose=0).history
    assert np.isfinite(history["loss"]).all() and not any(name.startswith("affinity") for name in history)


def test_the_embedding_is_what_the_heads_see():
    model = build(adapter_filters=2)
    embedding = embedding_of(model)
    assert tuple(embedding.shape) == (None, 2 * UNITS)
    values = keras.Model(model.input, {"all": embedding, **model.output})(
        {"waveform": np.ones((1, 4000), np.float32) * 0.1, "length": None}
    )
    head = model.get_layer("who")
    logits = np.asarray(values["all"])[:, UNITS:] @ np.asarray(head.kernel) + np.asarray(head.bias)
    answers = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(answers, np.asarray(values["who"]), rtol=1e-4)
