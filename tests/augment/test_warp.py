"""Changes of tempo and pitch, by NumPy; and answers for steps, which stay where their sounds were."""

import keras
import librosa
import numpy as np
import pytest

from mtl_tf.augment.build import build_augmentations
from mtl_tf.augment.moves import AtFirstTimes, moves_of
from mtl_tf.augment.warp import Warp, read_at
from mtl_tf.frontends.build import build_frontend
from mtl_tf.models.build import build_model, build_trunk
from mtl_tf.tasks.task import Task

RATE = 8000
OPTIONS = {"sample_rate": RATE, "n_fft": 512, "hop_length": 80, "num_mel_bins": 64, "normalize": "none"}


def test_a_clip_is_read_at_another_speed_as_numpy_interpolates():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, 50, 3)).astype(np.float32)
    valid = np.arange(50) < np.array([[50], [30]])
    tempo = np.array([[1.25], [0.8]], np.float32)
    found, own = (np.asarray(each) for each in read_at(values, valid, tempo))
    for row, (count, speed) in enumerate(((50, 1.25), (30, 0.8))):
        place = np.arange(50) * speed
        for column in range(3):
            expected = np.interp(place, np.arange(count), values[row, :count, column])
            kept = place <= count - 1
            np.testing.assert_allclose(found[row, kept, column], expected[kept], atol=1e-5)
        np.testing.assert_array_equal(own[row], kept)
        assert not found[row, ~kept].any()


@pytest.mark.parametrize("semitones", [-4.0, 3.0])
def test_a_tone_moves_by_as_many_semitones_as_drawn(semitones):
    """The features of a tone, moved, have their peak where those of the higher tone have it."""
    frontend = build_frontend("log_mel", OPTIONS)
    layer = Warp(frontend.frequencies_hz.tolist(), tempo=0.0, semitones=abs(semitones), prob=1.0)
    end = -1 if semitones > 0 else 0
    factor = 2.0 ** (semitones / 12.0)
    low, high = (
        np.asarray(frontend(librosa.tone(hz, sr=RATE, length=4000)[None].astype(np.float32))[0])[0]
        for hz in (900.0, 900.0 * factor)
    )
    moved = low @ layer._moves[end]
    np.testing.assert_allclose(moved[20:-20].argmax(axis=1), high[20:-20].argmax(axis=1), atol=1)


def test_bins_that_are_no_frequencies_stay():
    layer = Warp(None, tempo=0.0, semitones=3.0, prob=1.0)
    values = np.random.default_rng(0).normal(size=(2, 9, 5)).astype(np.float32)
    np.testing.assert_array_equal(layer(values, np.ones((2, 9), bool), training=True)[0], values)


def test_tempo_and_its_limits():
    keras.utils.set_random_seed(0)
    values, valid = np.ones((400, 6, 2), np.float32), np.ones((400, 6), bool)
    tempo = np.asarray(Warp(None, tempo=0.25, prob=1.0)(values, valid, training=True)[2])[:, 0, 0]
    assert 1 / 1.25 <= tempo.min() < 0.82 and 1.22 < tempo.max() <= 1.25
    tempo = np.asarray(Warp(None, tempo=0.25, prob=1.0, keeps_all=True)(values, valid, training=True)[2])[:, 0, 0]
    assert 1.0 <= tempo.min() < 1.02


def test_pictures_are_warped_channel_by_channel():
    frequencies = np.linspace(0.0, 4000.0, 16).tolist()
    values = np.random.default_rng(0).normal(size=(3, 20, 16, 2)).astype(np.float32)
    valid = np.ones((3, 20), bool)
    keras.utils.set_random_seed(1)
    together = np.asarray(Warp(frequencies, prob=1.0)(values, valid, training=True)[0])
    for channel in range(2):
        keras.utils.set_random_seed(1)
        alone = Warp(frequencies, prob=1.0)(values[..., channel], valid, training=True)[0]
        np.testing.assert_allclose(together[..., channel], alone, atol=1e-5)


@pytest.mark.parametrize("speed", [1.0, 1.1, 1.3])
def test_answers_for_steps_are_where_the_sounds_were(speed):
    """A ramp in time, warped, averaged to steps and put back, is the ramp again."""
    frames, step_frames = 240, 4
    ramp = np.arange(frames, dtype=np.float32)[None, :, None]
    warped, own = read_at(ramp, np.ones((1, frames), bool), np.array([[speed]], np.float32))
    answers = np.asarray(warped).reshape(1, -1, step_frames, 1).mean(axis=2)
    moves = moves_of(ramp, tempo=np.array([[speed]], np.float32))
    found = np.asarray(AtFirstTimes(step_frames, (step_frames - 1) / 2)(answers, moves))
    expected = ramp.reshape(1, -1, step_frames, 1).mean(axis=2)
    safe = int(np.asarray(own).sum() * speed) // step_frames - 3
    np.testing.assert_allclose(found[0, 1:safe], expected[0, 1:safe], atol=1e-3)


def test_answers_are_read_at_the_times_of_the_partner():
    answers = np.random.default_rng(0).normal(size=(2, 12, 3)).astype(np.float32)
    moves = np.asarray(moves_of(answers, tempo=np.array([[1.0], [1.2]], np.float32)))
    layer = AtFirstTimes(2, 0.5)
    swapped = np.asarray(layer(answers, moves, np.array([1, 0], np.int32)))
    np.testing.assert_allclose(swapped, layer(answers, moves[::-1].copy()), atol=1e-6)
    np.testing.assert_allclose(np.asarray(layer(answers, moves))[0], answers[0], atol=1e-6)


@pytest.mark.parametrize("mixed", [False, True])
def test_a_model_of_steps_is_trained_with_another_tempo_and_mixed_clips(mixed):
    frontend = build_frontend("log_mel", OPTIONS | {"num_mel_bins": 16})
    names = {"warp": {"prob": 1.0}} | ({"mix_features": {"prob": 1.0}} if mixed else {})
    layers = build_augmentations(names, RATE, frontend.frequencies_hz)
    task = Task("event", ("dog", "car"), exclusive=False, of_frames=True)
    model = build_model(
        frontend,
        build_trunk("crnn", {"filters": [4, 4], "bin_pools": [4, 4], "time_pools": [2, 2]}),
        {"event": task},
        layers,
    )
    assert model.get_layer("augment_warp").keeps_all
    inputs = {"waveform": np.random.default_rng(0).normal(size=(4, 4000)).astype(np.float32), "length": None}
    if mixed:
        inputs |= {"partner": np.array([1, 0, 3, 2], np.int32), "share": np.full(4, 0.7, np.float32)}
    answers = np.asarray(model(inputs, training=True)["event"])
    assert answers.shape == (8 if mixed else 4, 13, 2)
    assert np.isfinite(answers).all()
