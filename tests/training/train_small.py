"""Trains small networks for tests."""

import os
import sys

import keras
import numpy as np
from conftest import ROOT

from mtl_tf.compose import compose
from mtl_tf.data.assemble import assemble, divide
from mtl_tf.data.clip_source import ClipSource, decoder_of
from mtl_tf.training.fit import train_fold

AUGMENTED = "augment=[gain,equalizer,reverb,noise,spec_augment,mix_waveforms]"

_CHILD = """
import warnings
warnings.simplefilter("ignore")
import sys
from pathlib import Path
from train_small import train
train(sys.argv[2:], Path(sys.argv[1]))
"""


def prepared(overrides):
    config = compose(overrides)
    data = assemble(config)
    data.manifest["decoder"] = decoder_of(data.manifest, config.pipeline, config.frontend.sample_rate)
    fold = divide(data, config, 0)
    source = ClipSource.from_manifest(data.manifest, data.roots, {"fsdd": None}, config.frontend.sample_rate)
    return config, data, fold, source


def train(overrides, folder):
    folder.mkdir(exist_ok=True)
    config, data, fold, source = prepared(overrides)
    return train_fold(config, data, fold, source, folder)


def weights(path):
    return keras.models.load_model(path).get_weights()


def equal(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def in_a_process(overrides, folder):
    """Returns what `subprocess` takes to train in a process of its own: the command, and its surroundings."""
    path = os.pathsep.join([str(ROOT / "tests"), str(ROOT / "tests" / "training")])
    return {"args": [sys.executable, "-c", _CHILD, str(folder), *overrides], "env": os.environ | {"PYTHONPATH": path}}
