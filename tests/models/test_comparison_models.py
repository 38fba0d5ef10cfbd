import numpy as np
import pytest
from small_models import TASKS
from test_models import RNG, config

from mtl_tf.errors import UserError
from mtl_tf.frontends.build import build_frontend
from mtl_tf.models.build import TRUNKS, build_model, build_trunk
from mtl_tf.models.resnet18 import BasicBlock


def trainable(trunk):
    return sum(int(np.prod(variable.shape)) for variable in trunk.trainable_variables)


@pytest.mark.parametrize(
    ("name", "shape", "units", "expected"),
    [
        # torchvision's counts for 1000 classes, with the last layer changed to three
        ("alexnet", (None, 256, 256, 3), 4096, 61_100_840 - 4097 * 1000 + 4097 * 3),
        ("vgg11", (None, 224, 224, 3), 4096, 132_863_336 - 4097 * 1000 + 4097 * 3),
        ("resnet18", (None, 224, 224, 3), 512, 11_689_512 - 513 * 1000 + 513 * 3),
    ],
)
def test_picture_networks_have_the_published_parameters(name, shape, units, expected):
    trunk = build_trunk(*config("model", name))
    trunk.build(shape)
    assert trunk.compute_output_shape(shape) == (None, units)
    assert trainable(trunk) + 3 * (units + 1) == expected


def test_the_alexnet_has_the_layers_of_its_table():
    trunk = build_trunk(*config("model", "alexnet"))
    hidden, shapes = np.zeros((1, 256, 256, 3), np.float32), []
    for layer in trunk.make_layers():
        hidden = layer(hidden)
        if "conv" in layer.name or "pool" in layer.name or "dense" in layer.name:
            shapes.append(tuple(hidden.shape[1:]))
    assert shapes == [
        (63, 63, 64), (31, 31, 64), (31, 31, 192), (15, 15, 192), (15, 15, 384), (15, 15, 256), (15, 15, 256),
        (7, 7, 256), (6, 6, 256), (4096,), (4096,),
    ]  # fmt: skip


def test_the_attention_network_has_the_layers_worked_out_by_hand():
    trunk = build_trunk(*config("model", "attention_cnn"))
    trunk.build((None, 256, 256, 1))
    convolutions = 9 * (1 * 32 + 32 * 64 + 64 * 128 + 128 * 256)
    assert trunk.count_params() == convolutions + 4 * (32 + 64 + 128 + 256) + 2 * 256 == 389_792
    hidden, shapes = np.zeros((1, 256, 256, 1), np.float32), []
    for convolution in trunk.convolutions:
        hidden = trunk.pool(convolution(hidden))
        shapes.append(tuple(hidden.shape[1:]))
    assert shapes == [(128, 128, 32), (64, 64, 64), (32, 32, 128), (16, 16, 256)]
    assert trunk(np.zeros((1, 256, 256, 1), np.float32)).shape == (1, 512)


@pytest.mark.parametrize(("units", "expected"), [(128, 54_656), (256, 174_848), (512, 611_840)])
def test_the_shared_network_has_those_worked_out_by_hand(units, expected):
    trunk = build_trunk("shared_dnn", {"units": [units] * 3})
    trunk.build((None, 1, 168))
    assert trunk.count_params() == expected == 169 * units + 2 * (units + 1) * units
    assert [layer.kernel.shape for layer in trunk.hidden] == [(168, units), (units, units), (units, units)]
    assert trunk(np.zeros((2, 1, 168), np.float32), np.ones((2, 1), bool)).shape == (2, units)


def test_the_mel_network_has_those_worked_out_by_hand():
    trunk = build_trunk(*config("model", "mel_cnn"))
    trunk.build((None, 100, 64))
    assert trunk.count_params() == (25 * 64 + 64) + 3 * (25 * 64 * 64 + 64) + 4 * 4 * 64 == 310_080
    hidden, shapes = np.zeros((1, 100, 64, 1), np.float32), []
    for convolution, pool in zip(trunk.convolutions, trunk.pools, strict=True):
        hidden = pool(convolution(hidden))
        shapes.append(tuple(hidden.shape[1:]))
    assert shapes == [(50, 32, 64), (25, 16, 64), (13, 8, 64), (7, 4, 64)]


def test_the_residual_network_has_the_sizes_of_its_table():
    trunk = build_trunk(*config("model", "resnet18"))
    hidden, shapes = np.zeros((1, 224, 224, 3), np.float32), []
    for layer in trunk.make_layers():
        hidden = layer(hidden)
        if "padding" not in layer.name and (not shapes or hidden.shape[1:] != shapes[-1]):
            shapes.append(tuple(hidden.shape[1:]))
    assert shapes == [(112, 112, 64), (56, 56, 64), (28, 28, 128), (14, 14, 256), (7, 7, 512), (512,)]


def test_a_basic_block_is_the_sum_of_both_ways():
    block = BasicBlock(3)
    x = RNG.standard_normal((1, 5, 5, 3)).astype(np.float32)
    block.build(x.shape)
    block.second.kernel.assign(np.zeros((3, 3, 3, 3)))
    np.testing.assert_allclose(np.asarray(block(x)), np.maximum(x, 0), atol=1e-6)
    assert BasicBlock(4, stride=2)(x).shape == (1, 3, 3, 4)


@pytest.mark.parametrize("name", ["alexnet", "vgg11", "resnet18", "attention_cnn"])
def test_features_that_are_no_picture_are_refused(name):
    assert name in TRUNKS
    frontend = build_frontend("log_mel", {"sample_rate": 8000, "n_fft": 256, "hop_length": 80})
    with pytest.raises(UserError, match="frontend=picture"):
        build_model(frontend, build_trunk(name, {}), TASKS)
