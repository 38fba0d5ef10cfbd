import numpy as np
import pytest
from small_models import TASKS
from test_models import RNG, config

from mtl_tf.frontends.build import build_frontend
from mtl_tf.models.build import build_model, build_trunk, count_parameters
from mtl_tf.models.cab_cnn import CABCNN
from mtl_tf.models.classifier_attention import ClassifierAttention, ClassifierHiddenLayers
from mtl_tf.tasks.task import Task

BLOCK = 40 * ((128 * 8 + 8) + (8 * 4 + 4)) + (128 * 160 + 160) + (160 * 80 + 80) + (80 * 40 + 40)


def model(tasks, **options):
    frontend = build_frontend(*config("frontend", "envelope"))
    name, values = config("model", "cab_cnn")
    return build_model(frontend, build_trunk(name, values | options), tasks)


def answers(classes):
    return 40 * (4 * classes + classes)


@pytest.mark.parametrize("classes", [3, 6, 37])
def test_parameters_are_those_of_table_2(classes):
    convolutions = (4 * 16 + 16) + (4 * 16 * 32 + 32) + (10 * 32 * 32 + 32) + (10 * 32 * 128 + 128)
    built = model({"accent": Task("accent", tuple(map(str, range(classes))))})
    assert count_parameters(built) == convolutions + 4 * 128 + BLOCK + answers(classes)
    assert count_parameters(built) == {3: 134_112, 6: 134_712, 37: 140_912}[classes]
    if classes == 3:
        assert sum(np.prod(variable.shape) for variable in built.trainable_variables) == 133_856


@pytest.mark.parametrize(("seconds", "steps"), [(5, 200), (10, 400), (30, 1200), (60, 2400)])
def test_steps_are_those_of_the_paper(seconds, steps):
    trunk, shape = CABCNN(), (1, 4000 * seconds, 1)
    assert trunk.compute_output_shape(shape) == ((1, steps, 128), (1, steps))
    hidden, valid = trunk(np.zeros(shape, np.float32), np.ones(shape[:2], bool))
    assert hidden.shape == (1, steps, 128) and valid.shape == (1, steps)


def test_the_stages_of_thirty_seconds_are_those_of_table_2():
    trunk, hidden, shapes = CABCNN(), np.zeros((1, 120_000, 1), np.float32), []
    for convolution, pooling in zip(trunk.convolutions, trunk.poolings, strict=True):
        hidden = pooling(convolution(hidden))
        shapes.append(tuple(hidden.shape[1:]))
    assert shapes == [(60_000, 16), (30_000, 32), (6_000, 32), (1_200, 128)]


def test_sharing_the_classifiers_saves_their_hidden_layers():
    hidden = 40 * ((128 * 8 + 8) + (8 * 4 + 4))
    assert count_parameters(model(TASKS)) - count_parameters(model(TASKS, share_classifiers=True)) == hidden


def test_the_block_is_the_formula():
    hidden, valid = RNG.standard_normal((2, 5, 6)).astype(np.float32), np.arange(5)[None] < np.array([[5], [3]])
    layers, head = ClassifierHiddenLayers(3, (4, 2)), ClassifierAttention(4, 3, (5, 5))
    answer = np.asarray(head([hidden, layers(hidden), valid]))

    def softmax(x):
        return np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)

    def dense(layer, x):
        return x @ np.asarray(layer.kernel) + np.asarray(layer.bias)

    first = np.maximum(dense(layers.first, hidden), 0).reshape(2, 5, 3, 4)
    alpha = hidden
    for layer in head.attention[:-1]:
        alpha = np.maximum(dense(layer, alpha), 0)
    alpha = softmax(dense(head.attention[-1], alpha))
    expected = np.zeros((2, 4))
    for clip, steps in enumerate((5, 3)):
        for step in range(steps):
            for one in range(3):
                second = first[clip, step, one] @ np.asarray(layers.second.kernel)[one]
                second = np.maximum(second + np.asarray(layers.second.bias)[one], 0)
                logits = second @ np.asarray(head.answer.kernel)[one] + np.asarray(head.answer.bias)[one]
                expected[clip] += alpha[clip, step, one] * softmax(logits) / steps
    np.testing.assert_allclose(answer, expected, rtol=1e-4)


def test_small_classifiers_start_like_dense_layers_of_their_size():
    layers = ClassifierHiddenLayers()
    layers.build((None, None, 128))
    for kernel, limit in ((layers.first.kernel, (6 / 136) ** 0.5), (layers.second.kernel, (6 / 12) ** 0.5)):
        largest = np.abs(np.asarray(kernel)).max()
        assert 0.9 * limit < largest <= limit
