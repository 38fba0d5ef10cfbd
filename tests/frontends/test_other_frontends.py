"""MFCC and PCEN beside librosa, openSMILE's functionals beside its own package."""

import librosa
import numpy as np
import pytest
from scipy.signal import lfilter

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


@pytest.mark.parametrize("name", ["mfcc", "pcen"])
def test_padding_changes_nothing_and_silence_is_finite(name, waveform):
    layer = build_frontend(name, OPTIONS)
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
