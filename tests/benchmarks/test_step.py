import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

from mtl_tf.benchmarks.cases import COMPARED
from mtl_tf.benchmarks.step import compare_steps
from mtl_tf.benchmarks.stepper import keras_stepper, make_batch, pytorch_stepper
from mtl_tf.errors import UserError

# Of the papers' layer tables, without the moving statistics of batch normalisation.
TRAINABLE = {
    "gresnet": 1_290_850 - 2 * (32 + 2 * (32 + 2 * 64 + 4 * 96) + 200),
    "fu2020": 9_381_899,
    "cab_cnn": 133_856,
    "shared_dnn": 611_840 + 513 * 34,
    # The second convolution reads what the first one gives, and in a gated block what the block before gives;
    "gresnet_residual": 1_288_210 + 9 * ((64 - 32) * 64 + (96 - 64) * 96),
    # and there are no shortcuts.
    "gresnet_plain": 1_288_210 + 9 * ((64 - 32) * 64 + (96 - 64) * 96) - (33 * 64 + 65 * 96),
    "alexnet": 57_016_131,
    "vgg11": 128_778_627,
    "resnet18": 11_178_051,
    "attention_cnn": 389_792 - 2 * (32 + 64 + 128 + 256) + 513 * 3,
    "compact_cnn": 9 * (16 + 16 * 32 + 32 * 64 + 64 * 128) + 2 * 240 + (2 * 4 * 128 + 1) * 128 + 129 * 32,
    "residual_cnn": 16 * 24
    + 2 * 24
    + sum(9 * (before + width) * width + 4 * width + before * width for before, width in ((24, 32), (32, 64), (64, 88)))
    + (4 * 88 + 1) * 32
    + 33
    + (3 * 4 * 88 + 1) * 80
    + 81 * 32,
    "mel_cnn": 309_568 + 65 * 32,
}


def test_a_model_that_is_not_measured_is_named():
    with pytest.raises(UserError, match="no benchmark of vgg13; there are gresnet"):
        compare_steps(["vgg13"], 1)


def test_our_model_trains_and_answers():
    stepper = keras_stepper("shared_dnn")
    assert stepper.parameters == TRAINABLE["shared_dnn"]
    stepper.train(1)
    stepper.infer(1)
    stepper.matmul(1)


@pytest.mark.parametrize("name", COMPARED)
def test_the_other_library_has_the_same_number_of_weights(name):
    pytest.importorskip("torch", reason="extra bench is not installed")
    from mtl_tf.benchmarks.pytorch_models import TaskNetwork

    network = TaskNetwork(name, COMPARED[name].features, COMPARED[name].tasks)
    counts = {key: value.numel() for key, value in network.named_parameters() if "bias_hh" not in key}
    assert sum(counts.values()) == TRAINABLE[name]


def test_the_other_library_counts_its_operations():
    pytest.importorskip("torch", reason="extra bench is not installed")
    stepper = pytorch_stepper("shared_dnn")
    forward = 2 * 64 * (168 * 512 + 2 * 512 * 512 + 512 * 34)
    assert stepper.flops["infer"] == forward
    assert stepper.flops["train"] == 3 * forward - 2 * 64 * 168 * 512  # the input needs no gradient


def test_operations_of_lstm_and_attention_are_counted():
    torch = pytest.importorskip("torch", reason="extra bench is not installed")
    from torch.utils.flop_counter import FlopCounterMode

    from mtl_tf.benchmarks.pytorch_models import TaskNetwork, uncounted_operations

    network = TaskNetwork("fu2020", (256, 128), {"emotion": 7, "speaker": 4})
    features = torch.zeros(2, 256, 128)
    with FlopCounterMode(display=False) as counter:
        network(features)
    found = counter.get_total_flops() + uncounted_operations(network, features)
    convolutions = 254 * (3 * 128 * 512 + 512 * 1024) + 252 * (3 * 1024 * 2048 + 2048 * 512)
    lstm = 252 * 2 * 4 * 128 * ((512 + 128) + (256 + 128))
    attention = 252 * (256 * 768 + 256 * 256) + 2 * 252 * 252 * 256
    assert found == pytest.approx(2 * 2 * (convolutions + lstm + attention + 256 * 11), rel=1e-3)


def test_both_libraries_get_the_same_batch():
    first, second = make_batch(COMPARED["fu2020"]), make_batch(COMPARED["fu2020"])
    np.testing.assert_array_equal(first[0], second[0])
    assert first[0].shape == (64, 256, 128) and set(first[1]) == {"emotion", "speaker"}


@pytest.mark.slow
def test_the_accelerator_benchmark_runs_on_jax():
    command = [sys.executable, "scripts/benchmark.py", "gpu", "models=shared_dnn", "batch_size=4"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    assert "| shared_dnn |" in result.stdout
