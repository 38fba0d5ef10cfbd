import numpy as np
import pytest
from small_models import TASKS
from test_models import RNG, config

from mtl_tf.errors import UserError
from mtl_tf.frontends.build import build_frontend
from mtl_tf.models.build import build_model, build_trunk, count_parameters
from mtl_tf.models.gresnet import ACTIVATIONS, GResNet
from mtl_tf.tasks.task import Task

# Batch normalisation holds four values per channel, two of them moving statistics.
STEM = 3 * 3 * 32 + 32 + 4 * 32
WIDTHS = [32, 64, 64, 96, 96, 96, 96]
FC = 9 * 5 * 96 * 200 + 200 + 4 * 200


def blocks(first_kernel, second_kernel, sequential=False, shortcut=True):
    first_kernel, second_kernel = (np.broadcast_to(side, 2) for side in (first_kernel, second_kernel))
    total, previous = 0, 32
    for width in WIDTHS:
        total += np.prod(first_kernel) * previous * width + width + 4 * width
        total += np.prod(second_kernel) * (width if sequential else previous) * width + width + 4 * width
        total += (previous * width + width) if shortcut and width != previous else 0
        previous = width
    return total


def parameters(**options):
    trunk = GResNet(**options)
    trunk.build((None, 399, 257))
    return trunk.count_params()


def test_the_ravdess_setting_has_the_parameters_worked_out_by_hand():
    tasks = {"emotion": Task("emotion", tuple("abcdefgh")), "speech_song": Task("speech_song", ("a", "b"))}
    frontend = build_frontend(*config("frontend", "zeng2018_spectrogram"))
    model = build_model(frontend, build_trunk(*config("model", "gresnet")), tasks)
    assert count_parameters(model) == STEM + blocks(1, 3) + FC + 201 * 10 == 1_290_850


def test_a_coloured_picture_has_two_more_channels_in_the_stem():
    tasks = {"emotion": Task("emotion", tuple("abcdefgh")), "speech_song": Task("speech_song", ("a", "b"))}
    frontend = build_frontend(*config("frontend", "zeng2018_picture"))
    model = build_model(frontend, build_trunk(*config("model", "gresnet")), tasks)
    assert frontend.compute_output_shape((None, 102_400))[0] == (None, 399, 257, 3)
    assert count_parameters(model) == 1_290_850 + 2 * 3 * 3 * 32 == 1_291_426


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"first_kernel": 3}, STEM + blocks(3, 3) + FC),
        ({"block": "residual"}, STEM + blocks(1, 3, sequential=True) + FC),
        ({"block": "plain"}, STEM + blocks(1, 3, sequential=True, shortcut=False) + FC),
        ({"pool_size": None}, STEM + blocks(1, 3) + 96 * 200 + 200 + 800),
        ({"first_kernel": (1, 5), "second_kernel": [2, 3]}, STEM + blocks((1, 5), (2, 3)) + FC),
        ({"stem_kernel": 5}, STEM + (25 - 9) * 32 + blocks(1, 3) + FC),
        # 399 x 257 halved twice, not by the blocks: 100 x 65, of which nine by nine leave 46 x 29
        ({"block_stride": 1}, STEM + blocks(1, 3) + 46 * 29 * 96 * 200 + 1000),
        ({"stem_stride": 4, "pool_stride": 3, "pool_size": 4}, STEM + blocks(1, 3) + 4 * 2 * 96 * 200 + 1000),
        ({"stem_pool_size": 1, "stem_pool_stride": 1}, STEM + blocks(1, 3) + 21 * 13 * 96 * 200 + 1000),
    ],
)
def test_variants_have_theirs(options, expected):
    assert parameters(**options) == expected


def test_lengths_are_those_of_the_docstring():
    trunk = GResNet()
    trunk.build((None, 399, 257))
    hidden = RNG.standard_normal((1, 399, 257, 1)).astype(np.float32)
    hidden = trunk.stem(hidden)
    assert hidden.shape == (1, 200, 129, 32)
    hidden = trunk.stem_pool(hidden)
    shapes = [hidden.shape[1:]]
    for index in range(7):
        hidden = trunk._block(index, hidden, training=False)
        shapes.append(hidden.shape[1:])
    assert shapes == [(100, 65, 32)] * 2 + [(50, 33, 64)] * 2 + [(25, 17, 96)] * 4
    assert trunk.last_pool(hidden).shape == (1, 9, 5, 96)


@pytest.mark.parametrize("first", ACTIVATIONS)
@pytest.mark.parametrize("second", ACTIVATIONS)
def test_a_gated_block_is_the_formula(first, second):
    functions = {
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
        "tanh": np.tanh,
        "relu": lambda x: np.maximum(x, 0),
        "4*sigmoid-2": lambda x: 4 / (1 + np.exp(-x)) - 2,
    }
    trunk = GResNet(
        filters=(3,), stem_filters=2, first_kernel=1, second_kernel=1, pool_size=None, fc_units=4,
        first_activation=first, second_activation=second,
    )  # fmt: skip
    trunk.build((None, 12, 10))
    x = RNG.standard_normal((1, 4, 6, 2)).astype(np.float32)
    norm = 1 / np.sqrt(1 + trunk.first_norms[0].epsilon)  # mean 0 and variance 1, as at the start
    sides = [np.asarray(layer.kernel)[0, 0] for layer in (trunk.first[0], trunk.second[0], trunk.shortcuts[0])]
    f1, f2, shortcut = (x[:, ::2, ::2] @ side for side in sides)
    expected = functions[first](f1 * norm) * functions[second](f2 * norm) + shortcut
    np.testing.assert_allclose(np.asarray(trunk._block(0, x, training=False)), expected, rtol=1e-4, atol=1e-5)


def test_a_block_that_normalises_last_is_the_literal_wording():
    trunk = GResNet(
        filters=(3,), stem_filters=2, first_kernel=1, second_kernel=1, pool_size=None, fc_units=4, normalize_last=True
    )
    trunk.build((None, 12, 10))
    for norm, mean in ((trunk.first_norms[0], 0.5), (trunk.second_norms[0], -0.25)):
        norm.moving_mean.assign(np.full(3, mean))
    x = RNG.standard_normal((1, 4, 6, 2)).astype(np.float32)
    scale = 1 / np.sqrt(1 + trunk.first_norms[0].epsilon)
    sides = [np.asarray(layer.kernel)[0, 0] for layer in (trunk.first[0], trunk.second[0], trunk.shortcuts[0])]
    f1, f2, shortcut = (x[:, ::2, ::2] @ side for side in sides)
    expected = (np.tanh(f1) - 0.5) * scale * (np.tanh(f2) + 0.25) * scale + shortcut
    np.testing.assert_allclose(np.asarray(trunk._block(0, x, training=False)), expected, rtol=1e-4, atol=1e-5)


def test_a_residual_block_adds_and_a_plain_one_does_not():
    x = RNG.standard_normal((1, 4, 6, 2)).astype(np.float32)
    for block in ("residual", "plain"):
        trunk = GResNet(filters=(2,), stem_filters=2, block=block, pool_size=None, fc_units=4)
        trunk.build((None, 12, 10))
        trunk.second[0].kernel.assign(np.zeros((3, 3, 2, 2)))
        expected = np.maximum(x, 0) if block == "residual" else np.zeros_like(x)
        np.testing.assert_allclose(np.asarray(trunk._block(0, x, training=False)), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"block": "dense"}, "dense: give"),
        ({"first_activation": "gelu"}, "gelu: give"),
        ({"block": "plain", "normalize_last": True}, "normalize_last=true is for gated blocks"),
    ],
)
def test_choices_that_do_not_fit_are_explained(options, message):
    with pytest.raises(UserError, match=message):
        build_trunk("gresnet", options)


def test_an_open_length_is_explained():
    frontend = build_frontend("log_mel", {"sample_rate": 8000, "n_fft": 256, "hop_length": 80})
    with pytest.raises(UserError, match=r"set frontend\.num_frames"):
        build_model(frontend, build_trunk("gresnet", {}), TASKS)
