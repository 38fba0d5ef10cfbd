"""MFCC and PCEN beside librosa, other filters beside SciPy and librosa, openSMILE's functionals beside its package."""

import threading
import time

import keras
import librosa
import numpy as np
import pandas as pd
import pytest
from scipy.signal import freqz, gammatone, lfilter

from mtl_tf.errors import UserError
from mtl_tf.frontends import opensmile as opensmile_frontend
from mtl_tf.frontends.build import build_frontend

RATE = 16000
OPTIONS = {"sample_rate": RATE, "n_fft": 512, "hop_length": 160, "num_mel_bins": 40, "normalize": "none"}
MEL = {"sr": RATE, "n_fft": 512, "hop_length": 160, "n_mels": 40, "pad_mode": "constant"}


@pytest.fixture(scope="module")
def waveform():
    rng = np.random.default_rng(0)
    return (rng.normal(size=RATE) * np.linspace(0.0, 0.3, RATE)).astype(np.float32)


def test_coefficients_and_derivatives_are_librosas(waveform):
    found = np.asarray(build_frontend("mfcc", OPTIONS)(waveform[None])[0])[0]
    expected = librosa.feature.mfcc(y=waveform, n_mfcc=20, **MEL)
    np.testing.assert_allclose(found[:, :20], expected.T, atol=1e-3)
    for order in (1, 2):
        derivative = librosa.feature.delta(expected, order=order, mode="nearest")
        np.testing.assert_allclose(found[:, 20 * order : 20 * (order + 1)], derivative.T, atol=1e-3)


def test_regulated_energies_are_those_of_a_recursive_filter_and_in_the_end_librosas(waveform):
    found = np.asarray(build_frontend("pcen", OPTIONS)(waveform[None])[0])[0]
    energy = librosa.feature.melspectrogram(y=waveform, **MEL) * 2.0**30
    frames = 0.4 * RATE / 160
    share = (np.sqrt(1 + 4 * frames**2) - 1) / (2 * frames**2)
    mean, _ = lfilter([share], [1, share - 1], energy, axis=1, zi=(1 - share) * energy[:, :1])
    by_hand = (energy * np.exp(-0.98 * np.log(1e-6 + mean)) + 2.0) ** 0.5 - 2.0**0.5
    np.testing.assert_allclose(found, by_hand.T, atol=1e-3)
    librosas = librosa.pcen(energy, sr=RATE, hop_length=160, time_constant=0.4, gain=0.98, bias=2, power=0.5)
    np.testing.assert_allclose(found[60:], librosas.T[60:], atol=1e-2)


OTHER = {key: value for key, value in OPTIONS.items() if key != "num_mel_bins"} | {"num_filters": 40}


def test_gammatone_filters_are_scipys_and_as_far_apart_as_the_ears():
    layer = build_frontend("filter_bank", OTHER | {"n_fft": 4096, "fmin_hz": 100.0, "fmax_hz": 6000.0})
    hz = np.linspace(0, RATE / 2, 2049)
    for index in (5, 20, 35):
        centre = layer.frequencies_hz[index]
        response = np.abs(freqz(*gammatone(centre, "iir", fs=RATE), worN=hz, fs=RATE)[1]) ** 2
        ours = layer._filters[:, index]
        near = np.abs(hz - centre) < 0.1 * centre
        np.testing.assert_allclose(ours[near] / ours.max(), response[near] / response.max(), atol=0.05)
    bandwidth = 24.7 * (4.37 * layer.frequencies_hz / 1000 + 1)
    steps = np.diff(layer.frequencies_hz) / bandwidth[:-1]
    assert np.ptp(steps) / steps.mean() < 0.1
    np.testing.assert_allclose(layer.frequencies_hz[[0, -1]], [100.0, 6000.0], rtol=1e-6)


def test_constant_q_filters_are_at_librosas_notes_and_hear_them():
    options = {"shape": "constant_q", "n_fft": 4096, "fmin_hz": 110.0, "num_filters": 60, "filters_per_octave": 12}
    layer = build_frontend("filter_bank", OTHER | options)
    notes = librosa.cqt_frequencies(60, fmin=110.0, bins_per_octave=12)
    np.testing.assert_allclose(layer.frequencies_hz, notes)
    for note in (12, 30, 55):
        tone = librosa.tone(notes[note], sr=RATE, length=RATE).astype(np.float32)
        found = np.asarray(layer(tone[None])[0])[0, 50]
        assert found.argmax() == note
        np.testing.assert_allclose(found[note - 1], found[note + 1], atol=3.0)  # bells, as wide above as below


def test_learned_filters_take_no_statistics_of_groups():
    with pytest.raises(UserError, match="normalize_over=speaker: filters that learn"):
        build_frontend("learned_bank", OTHER | {"normalize": "per_bin", "normalize_over": "speaker"})


def test_learned_filters_begin_as_mel_and_are_learned(waveform):
    layer = build_frontend("learned_bank", OTHER | {"fmin_hz": 0.0})
    found = np.asarray(layer(waveform[None])[0])[0]
    mel = librosa.power_to_db(librosa.feature.melspectrogram(y=waveform, htk=False, **MEL)).T
    assert np.corrcoef(found[5:, 5:].mean(axis=1), mel[5:, 5:].mean(axis=1))[0, 1] > 0.99
    tones = np.stack([librosa.tone(hz, sr=RATE, length=4000) for hz in (900.0, 1000.0)]).astype(np.float32)
    model = keras.Sequential([keras.Input((4000,)), Levels(layer)])
    model.compile(optimizer=keras.optimizers.Adam(0.05), loss="mse")
    before = [np.asarray(weight).copy() for weight in layer.trainable_variables]
    loss = model.fit(tones, np.array([[0.0], [-20.0]]), epochs=30, verbose=0).history["loss"]
    assert loss[-1] < 0.7 * loss[0]
    assert all(np.abs(old - new).max() > 0.05 for old, new in zip(before, layer.trainable_variables, strict=True))


class Levels(keras.layers.Layer):
    """The mean of one filter over the frames."""

    def __init__(self, frontend, **kwargs):
        super().__init__(**kwargs)
        self.frontend = frontend

    def call(self, waveform):
        return keras.ops.mean(self.frontend(waveform)[0][:, :, 12], axis=1, keepdims=True)


@pytest.mark.parametrize("name", ["mfcc", "pcen", "filter_bank", "learned_bank"])
def test_padding_changes_nothing_and_silence_is_finite(name, waveform):
    layer = build_frontend(name, OPTIONS if name in ("mfcc", "pcen") else OTHER)
    alone, own = (np.asarray(values)[0] for values in layer(waveform[None, :9000]))
    padded = np.full((1, RATE), 0.7, np.float32)
    padded[0, :9000] = waveform[:9000]
    together, mask = (np.asarray(values)[0] for values in layer(padded, np.array([9000], np.int32)))
    np.testing.assert_allclose(together[mask], alone[own], atol=1e-3)
    assert np.isfinite(np.asarray(layer(np.zeros((1, 4000), np.float32))[0])).all()


def test_functionals_are_those_of_the_package(waveform):
    opensmile = pytest.importorskip("opensmile", reason="extra opensmile is not installed")
    options = {"sample_rate": RATE, "feature_set": "egemaps", "normalize": "none"}
    layer = build_frontend("opensmile", options)
    clips = np.stack([waveform, waveform[::-1]])
    features, mask = layer(clips, np.array([RATE, 8000], np.int32))
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    assert np.asarray(mask).all() and layer.num_bins == 88
    for row, length in enumerate((RATE, 8000)):
        expected = smile.process_signal(clips[row, :length], RATE).to_numpy(np.float32)
        np.testing.assert_allclose(np.asarray(features)[row], expected, rtol=1e-3, atol=1e-3)


def test_functionals_are_normalised_each_by_its_own_deviation():
    """Experiments for spectrograms may say global, which would leave nothing of functionals but the largest."""
    pytest.importorskip("opensmile", reason="extra opensmile is not installed")
    layer = build_frontend("opensmile", {"sample_rate": RATE, "feature_set": "egemaps", "normalize": "global"})
    deviation = np.geomspace(1e-3, 1e3, 88)
    np.testing.assert_allclose(layer.spread(np.zeros(88), deviation)[1], deviation, rtol=1e-5)


def test_the_library_is_asked_for_one_clip_at_a_time(monkeypatch):
    """Two at once may end the process."""
    inside, most = [], []

    class Library:
        def process_signal(self, samples, rate):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.002)
            inside.pop()
            return pd.DataFrame(np.zeros((1, 88)))

    monkeypatch.setattr(opensmile_frontend, "_library", lambda feature_set: Library())
    layer = build_frontend("opensmile", {"sample_rate": RATE, "feature_set": "egemaps", "normalize": "none"})
    clips = np.random.default_rng(0).normal(size=(24, 6000)).astype(np.float32)
    asked = [threading.Thread(target=layer, args=(clips[part::4],)) for part in range(4)]
    for each in asked:
        each.start()
    for each in asked:
        each.join()
    assert len(most) == 24 and max(most) == 1
