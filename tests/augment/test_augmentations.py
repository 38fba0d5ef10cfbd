"""Augmentations against what they promise, by NumPy."""

import keras
import numpy as np
import pytest
import soundfile
from conftest import ROOT

from mtl_tf.augment.build import AUGMENTATIONS, build_augmentations
from mtl_tf.augment.mixing import Mixing
from mtl_tf.config_files import shipped_options
from mtl_tf.errors import UserError

RATE, BINS = 8000, 40
CHANGING = [name for name, layer in AUGMENTATIONS.items() if not issubclass(layer, Mixing)]
SET_BY_THE_RUN = ("sample_rate", "frequencies_hz", "keeps_all", "padding_value", "zero_is_mean")
MIXING = [name for name in AUGMENTATIONS if name not in CHANGING]


@pytest.fixture(autouse=True)
def recordings(in_empty_folder, tmp_path):
    """A folder of noise, for the augmentations that take recordings."""
    rng = np.random.default_rng(5)
    (tmp_path / "recordings").mkdir()
    for name in ("a.wav", "b.wav"):
        soundfile.write(tmp_path / "recordings" / name, 0.1 * rng.normal(size=3000), RATE)


def built(name, **options):
    keras.utils.set_random_seed(3)
    options = ({"folder": "recordings"} if "recorded" in name else {}) | options
    return build_augmentations({name: options}, RATE, np.geomspace(50.0, 4000.0, BINS))[0]


def changed(layer, values, valid, training=True):
    """What becomes of the values; a layer that moves time says more."""
    found = layer(values, valid, training=training)
    return np.asarray(found[0] if isinstance(found, tuple) else found)


def clips(layer, count=6, size=4000):
    """Values, what is valid, and bool (clips, size), False where padded."""
    rng = np.random.default_rng(0)
    length = rng.integers(size // 2, size + 1, count)
    own = np.arange(size) < length[:, None]
    if layer.on_features:
        return rng.normal(size=(count, size, BINS)).astype(np.float32), own, own
    return (rng.normal(size=(count, size)) * own).astype(np.float32), length.astype(np.int32), own


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_its_file_says_what_the_layer_does_by_default(name):
    """Every key is there, with the default of the code."""
    layer = built(name)
    given = {key: value for key, value in shipped_options("augment", name).items() if key != "name"}
    own = {key: value for key, value in layer.get_config().items() if key not in ("name", "dtype", "trainable")}
    own |= {"folder": None} if "folder" in own else {}
    assert given == {key: value for key, value in own.items() if key not in SET_BY_THE_RUN}
    assert (ROOT / "configs" / "augment" / f"{name}.yaml").read_text().startswith(f"# @package augment.{name}\n")


@pytest.mark.parametrize("name", CHANGING)
def test_outside_of_training_and_without_probability_nothing_changes(name):
    layer = built(name, prob=1.0)
    values, valid, _ = clips(layer)
    np.testing.assert_array_equal(changed(layer, values, valid, training=False), values)
    np.testing.assert_array_equal(changed(built(name, prob=0.0), values, valid), values)


@pytest.mark.parametrize("name", CHANGING)
def test_every_clip_is_changed_in_its_own_way_and_padding_is_not(name):
    layer = built(name, prob=1.0)
    values, valid, own = clips(layer)
    values[:] = values[:1]
    values *= own if values.ndim == 2 else own[..., None]
    found = changed(layer, values, valid)
    if not layer.moves_time:
        np.testing.assert_array_equal(found[~own], values[~own])
    assert np.isfinite(found).all()
    shortest = own.sum(axis=1).min()
    changes = [(found - values)[row, :shortest] for row in range(len(values))]
    assert all(np.abs(change).max() > 0 for change in changes)
    assert all(np.abs(changes[0] - change).max() > 0 for change in changes[1:])


@pytest.mark.parametrize("name", CHANGING)
def test_the_seed_decides(name):
    values, valid, _ = clips(built(name))
    layer, same = built(name), built(name)
    first, second = (changed(layer, values, valid) for _ in range(2))
    np.testing.assert_array_equal(first, changed(same, values, valid))
    np.testing.assert_array_equal(second, changed(same, values, valid))
    assert np.abs(first - second).max() > 0


@pytest.mark.parametrize("name", CHANGING)
def test_half_of_many_clips_are_changed(name):
    layer = built(name, prob=0.5)
    values = clips(layer, 400, 300)[0] if not layer.on_features else clips(layer, 400, 60)[0]
    different = (changed(layer, values, None) != values).reshape(len(values), -1).any(axis=1)
    assert 0.4 < different.mean() < 0.6


@pytest.mark.parametrize("name", [name for name in CHANGING if not AUGMENTATIONS[name].on_features])
def test_silence_stays_silent(name):
    found = changed(built(name, prob=1.0), np.zeros((2, 900), np.float32), None)
    np.testing.assert_array_equal(found, np.zeros((2, 900)))


def test_gain_is_within_its_limits():
    layer = built("gain", prob=1.0, low_db=-6.0, high_db=6.0)
    found = np.asarray(layer(np.ones((2000, 3), np.float32), None, training=True))
    gain_db = 20 * np.log10(np.abs(found[:, 0]))
    assert -6.01 < gain_db.min() < -5.9 and 5.9 < gain_db.max() < 6.01
    assert 0.45 < (found[:, 0] < 0).mean() < 0.55


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_noise_has_the_ratio_and_the_colour_that_were_asked(exponent):
    layer = built("noise", prob=1.0, low_snr_db=10.0, high_snr_db=10.0, low_exponent=exponent, high_exponent=exponent)
    values, length, _ = clips(layer, 20, 2**14)
    noise = np.asarray(layer(values, length, training=True)) - values
    power = (np.square(values).sum(axis=1), np.square(noise).sum(axis=1))
    np.testing.assert_allclose(10 * np.log10(power[0] / power[1]), 10.0, atol=1e-3)
    whole = np.asarray(layer(np.tile(values[:1, :8192], (40, 1)), None, training=True)) - values[:1, :8192]
    spectrum = np.square(np.abs(np.fft.rfft(whole))).mean(axis=0)
    bands = [spectrum[100:200].mean(), spectrum[1600:3200].mean()]  # four octaves apart
    assert abs(np.log2(bands[0] / bands[1]) - 4 * exponent) < 0.5


def test_the_equalizer_changes_no_more_than_its_gain_and_keeps_the_power():
    layer = built("equalizer", prob=1.0, gain_db=6.0)
    values = np.random.default_rng(1).normal(size=(20, 4096)).astype(np.float32)
    found = np.asarray(layer(values, None, training=True))
    np.testing.assert_allclose(np.square(found).sum(axis=1), np.square(values).sum(axis=1), rtol=1e-4)
    gain_db = 20 * np.log10(np.abs(np.fft.rfft(found) / np.fft.rfft(values)))
    assert np.ptp(gain_db, axis=1).max() < 12.01 and np.ptp(gain_db, axis=1).min() > 1.0
    lowest = gain_db[:, 1:20]  # below the curve's first end it is flat
    assert np.ptp(lowest, axis=1).max() < 0.01


def test_a_click_gets_a_tail_that_decays_as_asked():
    layer = built("reverb", prob=1.0, low_s=0.3, high_s=0.3, low_db=0.0, high_db=0.0)
    click = np.zeros((50, 4000), np.float32)
    click[:, 100] = 1.0
    found = np.asarray(layer(click, None, training=True))
    assert np.abs(found[:, :100]).max() < 1e-6  # nothing sounds before
    tail = np.square(found[:, 101:]).mean(axis=0)
    fall_db = 10 * np.log10(tail[:200].mean() / tail[1200:1400].mean())  # 0.15 s apart: half of 60 dB
    assert abs(fall_db - 30.0) < 1.5


def test_spec_augment_masks_as_much_as_asked():
    layer = built("spec_augment", prob=1.0, time_masks=1, longest_frames=10, bin_masks=1, widest_bins=3)
    found = np.asarray(layer(np.ones((500, 100, 20), np.float32), None, training=True)) == 0
    lost_frames, lost_bins = found.all(axis=2).sum(axis=1), found.all(axis=1).sum(axis=1)
    assert lost_frames.max() == 10 and lost_bins.max() == 3
    assert abs(lost_frames.mean() - 5.0) < 0.5 and abs(lost_bins.mean() - 1.5) < 0.2
    own = np.arange(100)[None] < np.full((500, 1), 20)
    short = np.asarray(layer(np.ones((500, 100, 20), np.float32), own, training=True))
    assert (short[:, :20] == 0).all(axis=2).sum(axis=1).max() <= 4  # a fifth of the clip's own frames


@pytest.mark.parametrize("name", MIXING)
def test_without_a_partner_or_with_the_whole_share_nothing_is_mixed(name):
    layer = built(name)
    values, valid, _ = clips(layer, 3)
    found = layer(values, valid)
    np.testing.assert_array_equal(found[0], values)
    found, length = layer(values, valid, np.array([1, 2, 0]), np.ones(3, np.float32))
    np.testing.assert_array_equal(found, values)
    np.testing.assert_array_equal(length, valid)


def test_waveforms_are_mixed_by_the_formula_of_between_class_learning():
    loud, soft = np.full(1600, 0.4), np.full(1600, 0.1)
    soft[800:] = 0.0
    values = np.stack([loud, soft]).astype(np.float32)
    found, length = built("mix_waveforms")(values, np.array([1600, 800]), np.array([1, 0]), np.array([0.3, 0.6], "f"))
    for row, share in enumerate((0.3, 0.6)):
        own, other = (values[row], values[1 - row])
        difference_db = 20 * np.log10(own.max() / other.max())
        weight = 1 / (1 + 10 ** (difference_db / 20) * (1 - share) / share)
        expected = (weight * own + (1 - weight) * other) / np.sqrt(weight**2 + (1 - weight) ** 2)
        np.testing.assert_allclose(found[row], expected, rtol=1e-5)
    assert np.asarray(length).tolist() == [1600, 1600]


def test_features_are_mixed_by_their_shares():
    values = np.stack([np.full((4, 2), 1.0), np.full((4, 2), 3.0)]).astype(np.float32)
    mask = np.array([[True, True, False, False], [True] * 4])
    found, either = built("mix_features")(values, mask, np.array([1, 0]), np.array([0.25, 1.0], "f"))
    np.testing.assert_allclose(found[0], 0.25 * 1.0 + 0.75 * 3.0)
    np.testing.assert_allclose(found[1], 3.0)
    assert np.asarray(either).all()


def test_beside_digital_silence_a_clip_keeps_its_loudness():
    values = np.zeros((2, 1600), np.float32)
    values[0] = 0.1 * np.random.default_rng(0).normal(size=1600)
    found, _ = built("mix_waveforms")(values, None, np.array([1, 0]), np.array([0.9, 0.4], "f"))
    norm = np.sqrt(0.9**2 + 0.1**2), np.sqrt(0.4**2 + 0.6**2)
    np.testing.assert_allclose(found, [0.9 / norm[0] * values[0], 0.6 / norm[1] * values[0]], rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gain", {"high_db": float("nan")}),
        ("gain", {"high_db": float("inf")}),
        ("equalizer", {"gain_db": -5.0}),
        ("equalizer", {"gain_db": 1000.0}),
        ("noise", {"low_snr_db": -500.0}),
        ("noise", {"low_exponent": -30.0, "high_exponent": -20.0}),
        ("recorded_noise", {"high_snr_db": 500.0}),
        ("reverb", {"high_db": 500.0}),
        ("warp", {"tempo": 50.0}),
        ("warp", {"semitones": 500.0}),
        ("spec_augment", {"most_time": 5.0}),
        ("spec_augment", {"most_time": -1.0}),
        ("roll", {"most": 2.0}),
    ],
)
def test_values_out_of_range_are_refused_by_their_key(name, options):
    with pytest.raises(UserError, match=rf"augment\.{name}\.({'|'.join(options)})=") as caught:
        built(name, **options)
    assert "\n" not in str(caught.value)


def test_order_and_mistakes():
    names = ["spec_augment", "mix_waveforms", "noise"]
    assert [layer.name for layer in build_augmentations({name: {} for name in names}, RATE)] == [
        f"augment_{name}" for name in ("noise", "mix_waveforms", "spec_augment")
    ]
    with pytest.raises(UserError, match="one way only"):
        build_augmentations({"mix_waveforms": {}, "mix_features": {}}, RATE)
    with pytest.raises(UserError, match=r"augment\.noise\.prob=2"):
        build_augmentations({"noise": {"prob": 2}}, RATE)
    with pytest.raises(UserError, match="augment=gain: low_db=3"):
        build_augmentations({"gain": {"low_db": 3.0, "high_db": 1.0}}, RATE)
