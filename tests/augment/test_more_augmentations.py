"""Codecs, styles, rolled and cut clips, noise and rooms of recordings: against NumPy and SciPy."""

import keras
import numpy as np
import pytest
import scipy.signal
import soundfile

from mtl_tf.augment.build import build_augmentations
from mtl_tf.augment.moves import AtFirstTimes
from mtl_tf.errors import UserError
from mtl_tf.frontends.build import build_frontend
from mtl_tf.models.build import build_model, build_trunk
from mtl_tf.tasks.task import Task

RATE = 8000


def built(name, **options):
    keras.utils.set_random_seed(3)
    return build_augmentations({name: {"prob": 1.0} | options}, RATE, None)[0]


def write(folder, **recordings):
    folder.mkdir(exist_ok=True)
    for name, samples in recordings.items():
        soundfile.write(folder / f"{name}.wav", np.asarray(samples, np.float32), RATE, "FLOAT")
    return str(folder)


def test_a_codec_keeps_its_band_and_has_as_many_values_as_its_bits():
    values = np.random.default_rng(0).normal(size=(20, 8192)).astype(np.float32)
    layer = built("codec", highest_low_hz=1e-3, lowest_high_hz=1000.0, fewest_bits=3, most_bits=3)
    found = np.asarray(layer(values, None, training=True))
    assert max(len(np.unique(np.round(row / np.abs(row).max(), 4))) for row in found) <= 7
    fine = np.asarray(
        built("codec", highest_low_hz=500.0, lowest_high_hz=501.0, fewest_bits=16, most_bits=16)(
            values, None, training=True
        )
    )
    power = np.square(np.abs(np.fft.rfft(fine))).mean(axis=0) / np.square(np.abs(np.fft.rfft(values))).mean(axis=0)
    hz = np.fft.rfftfreq(8192, 1 / RATE)
    assert power[(hz > 480) & (hz < 500)].mean() > 0.3  # every band has these
    assert power[hz < 20].mean() < 0.1


def test_few_bits_are_those_of_mu_law():
    """Steps of 8 bits are no further apart than 1/20 of a value that is not near 0, as G.711 promises."""
    values = np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE).astype(np.float32)[None]
    layer = built("codec", highest_low_hz=1e-3, lowest_high_hz=RATE / 2, fewest_bits=8, most_bits=8)
    found = np.asarray(layer(values, None, training=True))[0]
    loud = np.abs(values[0]) > 0.1
    error = np.abs(found[loud] / values[0][loud] - 1.0)
    assert 0.01 < error.max() < 0.05


def test_a_mixed_style_is_between_the_moments_of_two_clips():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, 50, 3)).astype(np.float32) * np.array([1, 4])[:, None, None] + np.array([0, 10])[
        :, None, None
    ].astype(np.float32)
    own = np.arange(50) < np.array([[50], [30]])
    values = (values * own[..., None]).astype(np.float32)
    found = np.asarray(built("mix_style", concentration=1.0)(values, own, training=True))
    np.testing.assert_array_equal(found[1, 30:], 0.0)
    before = [(row[:n].mean(axis=0), row[:n].std(axis=0)) for row, n in zip(values, (50, 30), strict=True)]
    for row, count in ((0, 50), (1, 30)):
        clip = found[row, :count]
        share = (clip.mean(axis=0) - before[1 - row][0]) / (before[row][0] - before[1 - row][0])
        assert np.ptp(share) < 1e-3 and 0.0 <= share[0] <= 1.0
        expected = share * before[row][1] + (1 - share) * before[1 - row][1]
        np.testing.assert_allclose(clip.std(axis=0), expected, rtol=1e-3)
        np.testing.assert_allclose(
            np.corrcoef(clip[:, 0], values[row, :count, 0])[0, 1], 1.0, atol=1e-4
        )  # the course in time stays


def test_a_rolled_clip_is_what_numpy_rolls_and_answers_come_back():
    values = np.random.default_rng(0).normal(size=(5, 40, 3)).astype(np.float32)
    count = np.array([40, 32, 24, 16, 8])
    own = np.arange(40) < count[:, None]
    values *= own[..., None]
    found, valid, moves = (np.asarray(each) for each in built("roll", most=1.0)(values, own, training=True))
    np.testing.assert_array_equal(valid, own)
    shifts = moves[:, 0, 1].astype(int)
    assert len(set(shifts)) > 2
    for row, (frames, shift) in enumerate(zip(count, shifts, strict=True)):
        np.testing.assert_allclose(found[row, :frames], np.roll(values[row, :frames], shift, axis=0))
        np.testing.assert_array_equal(found[row, frames:], 0.0)
    back = np.asarray(AtFirstTimes(1, 0.0)(found, moves))
    for row, frames in enumerate(count):
        np.testing.assert_allclose(back[row, :frames], values[row, :frames], atol=1e-5)


@pytest.mark.parametrize(("frames", "step_frames"), [(251, 8), (401, 8), (98, 8), (97, 4), (101, 4), (96, 4)])
@pytest.mark.parametrize("shift", [0, 24])
def test_steps_of_several_frames_come_back_where_the_last_one_is_not_full(frames, step_frames, shift):
    """Answers that tell their step, rolled by whole steps: every own step is answered, none by padding or the seam."""
    steps = -(-frames // step_frames)
    answers = np.full((1, steps + 5, 1), -1000.0, np.float32)  # padding behind the clip
    answers[0, :steps, 0] = np.arange(steps)
    moves = np.array([[[1.0, shift, frames]]], np.float32)
    found = np.asarray(AtFirstTimes(step_frames, (step_frames - 1) / 2)(answers, moves))[0, :steps, 0]
    moved = shift // step_frames
    np.testing.assert_allclose(found[: steps - moved - 1], np.arange(moved, steps - 1), atol=1e-3)
    assert found.min() >= 0.0 and (shift or found[-1] >= steps - 2)


@pytest.mark.parametrize("mixing", ["mix_features", "mix_waveforms"])
def test_labels_of_both_sounds_of_a_mixture_are_read_where_these_are(mixing):
    """Behind the front end each clip is moved before it is mixed; before it, the mixture is moved as one."""
    frontend = build_frontend(
        "log_mel",
        {"sample_rate": RATE, "n_fft": 512, "hop_length": 80, "num_mel_bins": 16, "normalize": "none", "top_db": None},
    )
    layers = build_augmentations({"roll": {"prob": 1.0}, mixing: {"prob": 1.0}}, RATE, frontend.frequencies_hz)
    task = Task("event", ("loud",), exclusive=False, of_frames=True)
    trunk = build_trunk("crnn", {"filters": [4, 4], "bin_pools": [4, 4], "time_pools": [1, 1]})
    model = build_model(frontend, trunk, {"event": task}, layers)
    inputs = {"waveform": np.random.default_rng(0).normal(size=(2, 4000)).astype(np.float32), "length": None}
    inputs |= {"partner": np.array([1, 0], np.int32), "share": np.full(2, 0.5, np.float32)}
    answers = np.asarray(model(inputs, training=True)["event"])
    assert answers.shape[0] == 4
    if mixing == "mix_waveforms":
        np.testing.assert_array_equal(answers[:2], answers[2:])
    else:
        assert np.abs(answers[:2] - answers[2:]).max() > 0


@pytest.mark.parametrize("name", ["mix_style", "cut_features", "roll"])
def test_a_course_in_time_is_needed(name):
    frontend = build_frontend("filter_bank_summary", {"sample_rate": RATE, "n_fft": 512, "hop_length": 80})
    with pytest.raises(UserError, match=f"augment={name} needs a course in time"):
        build_model(frontend, build_trunk("shared_dnn", {}), {"word": Task("word", ("a", "b"))}, [built(name)])


def test_answers_come_back_through_two_moves():
    """Rolled, and then twice as fast: what was at frame 6 of 20 is at (6 + 4) / 2."""
    answers = np.arange(20, dtype=np.float32)[None, :, None]
    moves = np.array([[[1.0, 4.0, 20.0], [2.0, 0.0, 0.0]]], np.float32)
    found = np.asarray(AtFirstTimes(1, 0.0)(answers, moves))[0, :, 0]
    expected = np.minimum((np.arange(20) + 4) % 20 / 2.0, 9.0)  # the clip now ends with frame 9
    np.testing.assert_allclose(found, expected)


def test_steps_of_a_model_see_the_moves_in_order():
    frontend = build_frontend("log_mel", {"sample_rate": RATE, "n_fft": 512, "hop_length": 80, "num_mel_bins": 16})
    layers = build_augmentations({"roll": {"prob": 1.0}, "warp": {"prob": 1.0}}, RATE, frontend.frequencies_hz)
    task = Task("event", ("dog", "car"), exclusive=False, of_frames=True)
    trunk = {"filters": [4, 4], "bin_pools": [4, 4], "time_pools": [2, 2]}
    model = build_model(frontend, build_trunk("crnn", trunk), {"event": task}, layers)
    inputs = {"waveform": np.random.default_rng(0).normal(size=(4, 4000)).astype(np.float32), "length": None}
    answers = np.asarray(model(inputs, training=True)["event"])
    assert answers.shape == (4, 13, 2) and np.isfinite(answers).all()


def test_a_cut_clip_has_as_much_of_the_other_as_its_share_says():
    values = np.stack([np.full((100, 2), 1.0), np.full((100, 2), 3.0)]).astype(np.float32)
    own = np.arange(100) < np.array([[80], [20]])
    values *= own[..., None]
    partner, share = np.array([1, 0]), np.array([0.25, 1.0], np.float32)
    found, valid = (np.asarray(each) for each in built("cut_features")(values, own, partner, share))
    np.testing.assert_array_equal(valid, own)
    np.testing.assert_array_equal(found[1], values[1])
    other = found[0, :, 0] == 3.0  # 60 frames, though the other clip has 20
    assert other.sum() == 60 and np.flatnonzero(other)[-1] - np.flatnonzero(other)[0] == 59
    np.testing.assert_array_equal(found[0, :80][~other[:80], 0], 1.0)


def test_steps_are_not_answered_for_cut_clips():
    frontend = build_frontend("log_mel", {"sample_rate": RATE, "n_fft": 512, "hop_length": 80, "num_mel_bins": 16})
    task = Task("event", ("dog", "car"), exclusive=False, of_frames=True)
    with pytest.raises(UserError, match="task event asks every step, and augment=cut_features"):
        build_model(frontend, build_trunk("crnn", {}), {"event": task}, [built("cut_features")])


def test_recorded_noise_is_a_stretch_of_the_recordings_at_the_ratio(tmp_path):
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=700) * 0.1, rng.normal(size=500) * 0.1
    folder = write(tmp_path / "noise", a=first, b=second)
    layer = built("recorded_noise", folder=folder, low_snr_db=6.0, high_snr_db=6.0)
    values = rng.normal(size=(8, 1000)).astype(np.float32)
    noise = np.asarray(layer(values, None, training=True)) - values
    ratio = 10 * np.log10(np.square(values).sum(axis=1) / np.square(noise).sum(axis=1))
    np.testing.assert_allclose(ratio, 6.0, atol=1e-3)
    ring = np.tile(np.concatenate([first, second]).astype(np.float32), 3)
    for row in noise:
        match = scipy.signal.correlate(ring, row, "valid")
        stretch = ring[match[:1200].argmax() :][:1000]
        assert np.corrcoef(stretch, row)[0, 1] > 0.999


def test_a_click_in_a_recorded_room_is_its_response(tmp_path):
    response = np.concatenate([np.zeros(50), [0.8], 0.1 * np.random.default_rng(0).normal(size=300)])
    layer = built("recorded_reverb", folder=write(tmp_path / "rooms", hall=response))
    click = np.zeros((1, 2000), np.float32)
    click[0, 100] = 1.0
    found = np.asarray(layer(click, None, training=True))[0]
    expected = scipy.signal.fftconvolve(click[0], response[50:])[:2000]
    np.testing.assert_allclose(found, expected / np.sqrt(np.square(expected).sum()), atol=1e-5)


@pytest.mark.parametrize("name", ["recorded_noise", "recorded_reverb"])
def test_folders_without_recordings_are_explained_and_damaged_files_left_out(name, tmp_path, capsys):
    for options, reason in (
        ({}, f"give the folder of the recordings: augment.{name}.folder=DIR"),
        ({"folder": "nowhere"}, "there is no folder nowhere"),
        ({"folder": write(tmp_path / "silent", a=np.zeros(100))}, "no recordings that can be heard"),
    ):
        with pytest.raises(UserError, match=reason) as caught:
            built(name, **options)
        assert "configs/augment" not in str(caught.value)
    folder = write(tmp_path / "some", good=np.ones(100) * 0.1)
    (tmp_path / "some" / "bad.wav").write_bytes(b"RIFF....WAVE")
    (tmp_path / "some" / "empty.mp3").write_bytes(b"")
    built(name, folder=folder)
    assert "bad.wav" in capsys.readouterr().err


def test_of_many_rooms_some_are_taken_whole(tmp_path, capsys):
    rng = np.random.default_rng(0)
    tails = 0.1 * rng.normal(size=(20, RATE - 241))
    rooms = {f"r{number:02}": np.concatenate([np.zeros(240), [1.0], tail]) for number, tail in enumerate(tails)}
    layer = built("recorded_reverb", folder=write(tmp_path / "rooms", **rooms), most_s=5.0)
    assert layer._responses.shape == (5, RATE - 240) and (layer._responses[:, 0] == 1.0).all()
    assert "5 of the 20 recordings" in capsys.readouterr().err


def test_recordings_share_the_seconds_that_are_kept(tmp_path):
    folder = write(tmp_path / "long", a=np.full(RATE, 0.1), b=np.full(3 * RATE, 0.2), c=np.full(3 * RATE, 0.3))
    kept = built("recorded_noise", folder=folder, most_s=3.0)._recorded
    assert [int(np.isclose(kept, level).sum()) for level in (0.1, 0.2, 0.3)] == [RATE] * 3
