"""Pictures and resized spectrograms see every frame: a click is as visible wherever it falls."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_tf.frontends.build import build_frontend
from mtl_tf.frontends.frames import stretch


def stretched(features, num_frames, valid=None):
    mask = np.arange(features.shape[1])[None] < (features.shape[1] if valid is None else valid)
    return np.asarray(stretch(features.astype(np.float32), np.repeat(mask, len(features), 0), num_frames))


@settings(max_examples=60, deadline=None)
@given(frames=st.integers(2, 400), num_frames=st.integers(2, 60), padding=st.integers(0, 30))
def test_every_frame_counts_as_much_as_any_other_where_frames_are_many(frames, num_frames, padding):
    """Rows of the identity show the weight of each frame; padding has none."""
    total = frames + padding
    weights = stretched(np.eye(total)[None], num_frames, frames)[0]
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-4)
    assert not weights[:, frames:].any()
    of_frame = weights[:, :frames].sum(axis=0)
    if frames >= 3 * num_frames:
        assert of_frame.min() > 0.3 * num_frames / frames  # at the ends, where triangles are cut
    if frames >= 3 * num_frames and num_frames > 6:
        inner = of_frame[2 * frames // num_frames : -2 * frames // num_frames]
        np.testing.assert_allclose(inner, num_frames / frames, rtol=0.35)


@settings(max_examples=40, deadline=None)
@given(frames=st.integers(2, 30), num_frames=st.integers(30, 90))
def test_more_frames_come_by_linear_interpolation(frames, num_frames):
    values = np.random.default_rng(0).standard_normal((1, frames, 2))
    place = np.clip((np.arange(num_frames) + 0.5) * frames / num_frames - 0.5, 0, frames - 1)
    expected = np.stack([np.interp(place, np.arange(frames), values[0, :, column]) for column in range(2)], axis=1)
    np.testing.assert_allclose(stretched(values, num_frames)[0], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("picture", {"size": 224, "color_map": None}),
        ("spectrogram", {"num_frames": 100, "fit": "resize", "normalize": "none"}),
        ("log_mel", {"num_frames": 100, "fit": "resize", "normalize": "none"}),
    ],
)
def test_a_click_is_seen_wherever_it_falls(name, options):
    frontend = build_frontend(name, {"sample_rate": 16000, "n_fft": 512, "hop_length": 160, **options})
    waveform = 1e-3 * np.random.default_rng(0).standard_normal((1, 16000 * 20)).astype(np.float32)
    quiet = np.asarray(frontend(waveform)[0])
    seen = []
    for place in range(100_000, 100_000 + 160 * 16, 160):
        clicked = waveform.copy()
        clicked[0, place : place + 8] = 0.5
        seen.append(np.abs(np.asarray(frontend(clicked)[0]) - quiet).max())
    assert min(seen) > 0.4 * max(seen) > 0
