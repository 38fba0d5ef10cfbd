"""The descriptors of a voice, against librosa, NumPy, SciPy and tones whose pitch is known."""

import keras
import librosa
import numpy as np
import pytest
import soundfile
from scipy import stats

from mtl_tf.errors import UserError
from mtl_tf.frontends.build import build_frontend
from mtl_tf.frontends.functionals import NUM_FUNCTIONALS, functionals
from mtl_tf.frontends.voice import PITCH_UNIT_HZ, TRACKS

OPTIONS = {"sample_rate": 16000, "n_fft": 1024, "hop_length": 160, "num_mel_bins": 26, "normalize": "none"}


def voice(**options):
    return build_frontend("voice", OPTIONS | options)


def summary(**options):
    return build_frontend("voice_summary", OPTIONS | options)


def tracks_of(waveform, **options):
    features = np.asarray(voice(**options)(waveform[None])[0])[0]
    return {name: features[:, index] for index, name in enumerate(TRACKS)}


def glottal(f0_hz, seconds=1.0, rate=16000):
    """A tone with 20 harmonics that fall as those of a voice do; its pitch may change."""
    time = np.arange(int(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(f0_hz, time.shape)) / rate
    wave = sum(np.sin(k * phase) / k for k in range(1, 21) if k * np.max(f0_hz) < rate / 2)
    return (0.1 * wave).astype(np.float32)


def noise(samples, batch=1):
    return np.random.default_rng(0).normal(0, 0.1, (batch, samples)).astype(np.float32)


def test_a_tone_has_its_pitch_and_is_periodic():
    for f0_hz in (70.0, 123.4, 220.0, 333.3, 470.0):
        found = tracks_of(glottal(f0_hz))
        inner = slice(5, -5)
        np.testing.assert_allclose(found["pitch"][inner], 12 * np.log2(f0_hz / PITCH_UNIT_HZ), atol=0.05)
        assert found["periodicity"][inner].min() > 0.97 and found["harmonicity"][inner].min() > 15


def test_a_gliding_pitch_is_followed():
    f0_hz = np.linspace(100, 200, 16000)
    found = tracks_of(glottal(f0_hz))["pitch"][5:-5]
    middles = f0_hz[160 * np.arange(101)[5:-5]]
    np.testing.assert_allclose(found, 12 * np.log2(middles / PITCH_UNIT_HZ), atol=0.15)


def test_harmonicity_is_the_share_of_the_tone_in_noise():
    """A tone in white noise of the same power has 0 dB, as Boersma defines it."""
    tone = glottal(150.0, 4.0)
    rng = np.random.default_rng(1)
    for ratio_db in (0.0, 10.0):
        added = rng.normal(0, np.sqrt(np.mean(tone**2) * 10 ** (-ratio_db / 10)), len(tone)).astype(np.float32)
        found = tracks_of(tone + added)["harmonicity"][5:-5]
        assert np.median(found) == pytest.approx(ratio_db, abs=1.5)


def test_noise_has_no_voice():
    assert np.mean(tracks_of(noise(16000)[0])["periodicity"] < 0.4) > 0.95


def test_the_spectrum_is_librosas():
    waveform = noise(8000)[0] + glottal(200.0, 0.5)
    power = np.abs(librosa.stft(waveform, n_fft=1024, hop_length=160)) ** 2
    found = tracks_of(waveform)
    centroid = librosa.feature.spectral_centroid(S=power, sr=16000)[0]
    np.testing.assert_allclose(found["centroid"], centroid / 1000, rtol=1e-3)
    spread = librosa.feature.spectral_bandwidth(S=power, sr=16000)[0]
    np.testing.assert_allclose(found["spread"], spread / 1000, rtol=1e-3)
    for share in (25, 50, 75, 90):
        roll_off = librosa.feature.spectral_rolloff(S=power, sr=16000, roll_percent=share / 100)[0]
        assert np.mean(np.abs(found[f"roll_off_{share}"] - roll_off / 1000) < 1e-3) > 0.99
    np.testing.assert_allclose(found["level"], 10 * np.log10(power.sum(axis=0)), atol=1e-3)
    magnitude = np.sqrt(power)
    flux = 20 * np.log10(np.linalg.norm(np.diff(magnitude, axis=1), axis=0))
    np.testing.assert_allclose(found["flux"][1:], flux, atol=1e-2)
    features = np.asarray(voice()(waveform[None])[0])[0]
    mel = librosa.power_to_db(librosa.feature.melspectrogram(S=power, sr=16000, n_mels=26))
    np.testing.assert_allclose(features[:, len(TRACKS) : -14], mel.T, atol=1e-2)
    np.testing.assert_allclose(features[:, -14:], librosa.feature.mfcc(S=mel, n_mfcc=14).T, atol=5e-2)


def test_the_balance_of_a_spectrum_is_in_decibels():
    """Two tones: 500 Hz, and 3 kHz with a tenth of the amplitude."""
    time = np.arange(16000) / 16000
    waveform = (0.5 * np.sin(2 * np.pi * 500 * time) + 0.05 * np.sin(2 * np.pi * 3000 * time)).astype(np.float32)
    found = tracks_of(waveform)
    np.testing.assert_allclose(found["alpha_ratio"][5:-5], 20.0, atol=0.01)
    np.testing.assert_allclose(found["hammarberg"][5:-5], 20.0, atol=0.01)


def test_the_pitch_of_speech_is_librosas(real_audio):
    """Beside pYIN, which smooths over time, on recorded speech, in frames in which both hear a voice."""
    gaps = []
    for path in sorted((real_audio / "emodb").rglob("*.flac"))[::60]:
        waveform = soundfile.read(path, dtype="float32")[0]
        f0_hz, voiced, _ = librosa.pyin(waveform, fmin=75, fmax=500, sr=16000, frame_length=1024, hop_length=160)
        found = tracks_of(waveform)
        both = voiced & (found["periodicity"] > 0.6) & (f0_hz > 80)  # pYIN says its lowest where it finds none
        gaps.append(found["pitch"][both] - 12 * np.log2(f0_hz[both] / PITCH_UNIT_HZ))
    gap = np.abs(np.concatenate(gaps))
    assert len(gap) > 300
    assert np.mean(gap < 1.0) > 0.9 and np.mean(gap > 6.0) < 0.02


def test_functionals_are_numpys_and_scipys():
    rng = np.random.default_rng(2)
    tracks = rng.gamma(2.0, size=(3, 40, 5)).astype(np.float32)
    chosen = rng.random((3, 40)) < [[0.9], [0.3], [0.0]]
    found = np.asarray(functionals(tracks, chosen)).reshape(3, NUM_FUNCTIONALS, 5)
    for row in range(2):
        own = tracks[row, chosen[row]].astype(np.float64)
        time = np.linspace(-1, 1, len(own))
        percentiles = np.percentile(own, [1, 5, 25, 50, 75, 95, 99], axis=0)
        bow = time**2 - np.mean(time**2)
        wanted = [
            own.mean(axis=0),
            own.std(axis=0),
            np.arcsinh(stats.skew(own)),
            np.arcsinh(stats.kurtosis(own, fisher=False)),
            *percentiles,
            stats.iqr(own, axis=0),
            percentiles[-1] - percentiles[0],
            [np.polyfit(time, track, 1)[0] for track in own.T],
            np.mean(own * bow[:, None], axis=0),
        ]
        np.testing.assert_allclose(found[row], wanted, rtol=2e-4, atol=2e-4)
    assert np.all(found[2] == 0.0)


@pytest.mark.parametrize("make", [voice, summary])
def test_a_clip_has_the_same_features_alone_and_padded_in_a_batch(make):
    waveform = noise(16000, 2)
    waveform[0, :9000] += glottal(180.0)[:9000]
    layer = make()
    together, mask = layer(waveform, np.array([9000, 16000]))
    alone = np.asarray(layer(waveform[:1, :9000])[0])[0]
    count = int(np.asarray(mask)[0].sum())
    assert count == len(alone)
    np.testing.assert_allclose(np.asarray(together)[0, :count], alone, atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("make", [voice, summary])
@pytest.mark.parametrize("samples", [1024, 1100, 16000])
def test_silence_and_the_shortest_clip_are_finite(make, samples):
    for waveform in (np.zeros((1, samples), np.float32), noise(samples), np.ones((1, samples), np.float32)):
        assert np.isfinite(np.asarray(make()(waveform)[0])).all()


def test_stretches_of_voice_are_counted():
    """Two tones of 0.3 s with half a second of faint noise around them."""
    waveform = 1e-4 * noise(32000)[0]
    for start in (8000, 20000):
        waveform[start : start + 4800] += glottal(200.0, 0.3)
    shares = np.asarray(summary()(waveform[None])[0])[0, 0, -4:]
    assert shares[1] == pytest.approx(0.6 / 2, abs=0.05)
    assert shares[2] == pytest.approx(2 / 2.01, abs=0.01) and shares[3] == pytest.approx(0.3, abs=0.05)


def test_a_summary_is_one_frame_that_is_saved_with_a_model(tmp_path):
    layer = summary(normalize="per_bin")
    waveform = keras.Input((None,))
    model = keras.Model(waveform, layer(waveform)[0])
    layer.set_statistics(np.arange(layer.num_bins, dtype=np.float32), np.full(layer.num_bins, 2.0, np.float32))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    clip = noise(8000)
    assert model(clip).shape == (1, 1, layer.num_bins) and layer.makes_one_frame
    np.testing.assert_allclose(again(clip), model(clip), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("voice", {"pitch_min_hz": 40.0}, "give n_fft=1200 or more"),
        ("voice", {"pitch_max_hz": 50.0}, "do not go together"),
        ("voice", {"num_coefficients": 27}, "more than num_mel_bins=26"),
        ("voice_summary", {"hop_length": 512}, "at most a quarter of n_fft"),
    ],
)
def test_what_cannot_be_measured_is_refused(name, options, message):
    with pytest.raises(UserError, match=message):
        build_frontend(name, OPTIONS | options)
