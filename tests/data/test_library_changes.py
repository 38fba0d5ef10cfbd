"""Transforms of audiomentations in the stream of training batches."""

import random

import numpy as np
import pytest
import tensorflow as tf

from mtl_tf import compose
from mtl_tf.data.library_changes import LibraryChanges
from mtl_tf.errors import UserError
from mtl_tf.experiment import run_experiment

audiomentations = pytest.importorskip("audiomentations", reason="extra audiomentations is not installed")
RATE = 8000
GAIN = {"name": "Gain", "min_gain_db": -6.0, "max_gain_db": -6.0, "p": 1.0}
NOISE = {"name": "AddGaussianNoise", "p": 0.5}


def batch():
    waveform = np.random.default_rng(0).uniform(-0.5, 0.5, (4, 4000)).astype(np.float32)
    length = np.array([4000, 3000, 1200, 4000], np.int32)
    waveform[np.arange(4000) >= length[:, None]] = 0.0
    return waveform, length


def test_a_transform_is_the_librarys():
    waveform, length = batch()
    found = LibraryChanges([GAIN], RATE).change(waveform, length, np.array([1, 2, 3]))
    transform = audiomentations.Gain(min_gain_db=-6.0, max_gain_db=-6.0, p=1.0)
    for row, count, changed in zip(waveform, length, found, strict=True):
        np.testing.assert_allclose(changed[:count], transform(row[:count], RATE), atol=1e-6)
        assert not changed[count:].any()


def test_what_is_drawn_follows_from_the_numbers_of_the_batch_alone():
    waveform, length = batch()
    changes = LibraryChanges([NOISE, {"name": "PitchShift", "p": 0.5}], RATE)
    first = changes.change(waveform, length, np.array([0, 1, 2]))
    np.random.seed(5)
    random.seed(5)
    again = changes.change(waveform, length, np.array([0, 1, 2]))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - changes.change(waveform, length, np.array([0, 1, 3]))).max() > 1e-4


def test_other_users_of_the_generators_notice_nothing():
    waveform, length = batch()
    np.random.seed(1)
    random.seed(1)
    expected = np.random.rand(), random.random()
    np.random.seed(1)
    random.seed(1)
    LibraryChanges([NOISE], RATE).change(waveform, length, np.array([0, 0, 0]))
    assert (np.random.rand(), random.random()) == expected


def test_a_clip_stays_as_long_as_it_was():
    waveform, length = batch()
    fast = {"name": "TimeStretch", "min_rate": 1.25, "max_rate": 1.25, "leave_length_unchanged": False, "p": 1.0}
    slow = fast | {"min_rate": 0.8, "max_rate": 0.8}
    for options in (fast, slow):
        found = LibraryChanges([options], RATE).change(waveform, length, np.array([0, 0, 0]))
        assert found.shape == waveform.shape and not found[1, 3000:].any() and found[1, :2000].any()


def test_a_batch_of_the_stream_is_changed_in_the_graph():
    waveform, length = batch()
    changes = LibraryChanges([GAIN], RATE)
    data = tf.data.Dataset.from_tensors({"waveform": waveform, "length": length}).map(
        lambda inputs: changes.add(inputs, [0, tf.constant(3), tf.constant(4, tf.int64)])
    )
    (found,) = list(data)
    assert set(found) == {"waveform", "length"}
    np.testing.assert_allclose(found["waveform"][0], waveform[0] * 10 ** (-6 / 20), atol=1e-5)


def test_a_run_trains_with_them_and_repeats_itself(small_run):
    option = "pipeline.audiomentations=[{name: AddGaussianNoise, p: 0.5, min_amplitude: 0.05, max_amplitude: 0.1}]"
    options = [*small_run, "training.epochs=2", "task=[digit]", option]
    losses = []
    for changed in (options, options, options[:-1]):
        folder = run_experiment(compose.compose([*changed, "resume=false"]))
        losses.append((folder / "history.csv").read_text().splitlines()[-1].rsplit(",", 1)[0])
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("[{name: Gian}]", "audiomentations has no transform Gian. Did you mean Gain"),
        ("[{p: 0.5}]", "an entry has p and no name; write"),
        ("[{name: PitchShift, method: signalsmith_stretch}]", "ends a process with TensorFlow"),
        ("[{name: Gain, loudness: 3}]", "Gain cannot be had so.*loudness"),
        ("[{name: AddBackgroundNoise, sounds_path: nowhere}]", "AddBackgroundNoise cannot be had so: it refuses"),
        ("[{name: Lambda, transform: loud}]", "Lambda fails: 'str' object is not callable"),
    ],
)
def test_a_transform_that_cannot_be_had_is_named_before_anything_is_read(small_run, option, message):
    with pytest.raises(UserError, match=message):
        run_experiment(compose.compose([*small_run, f"pipeline.audiomentations={option}"]))


def test_events_would_not_move_along(tmp_path):
    options = ["experiment=synthetic_events", "quiet=true", f"runs_dir={tmp_path / 'runs'}"]
    option = "pipeline.audiomentations=[{name: Shift}]"
    with pytest.raises(UserError, match="asks every step, and audiomentations does not say"):
        run_experiment(compose.compose([*options, f"prepared_dir={tmp_path / 'prepared'}", option]))


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install .*\[audiomentations\]"):
        LibraryChanges([GAIN], RATE)
