"""The page that plays and draws clips as training hears them."""

import base64
import io
import re

import matplotlib.image
import numpy as np
import pytest
import soundfile

from mtl_tf.compose import compose
from mtl_tf.errors import UserError
from mtl_tf.reporting.changed_clips import NUM_CLIPS, write_changed_clips


def brightness(content):
    """Mean of the values of a picture, without what lies around its axes."""
    values = matplotlib.image.imread(io.BytesIO(content))[..., :3]
    high, wide = values.shape[:2]
    return values[high // 4 : high // 2, wide // 3 : 2 * wide // 3].mean()


def test_each_clip_is_there_as_it_is_and_as_each_augmentation_makes_it(small_run, tmp_path):
    names = ["gain", "warp", "mix_waveforms"]
    overrides = [f"augment=[{','.join(names)}]", "augment.gain.low_db=-20", "augment.gain.high_db=-20"]
    page = write_changed_clips(compose([*small_run, *overrides]), tmp_path / "page.html").read_text()
    for name in ("as it is", *names):
        assert page.count(f"<small>{name}</small>") == NUM_CLIPS
    assert page.count("<img ") == 4 * NUM_CLIPS and page.count("<audio ") == 3 * NUM_CLIPS
    pictures = re.findall(r"data:image/png;base64,([^\"]+)", page)
    plain, softer = (brightness(base64.b64decode(content)) for content in pictures[:2])
    assert softer < 0.8 * plain  # by 20 dB
    sounds = re.findall(r"data:audio/mpeg;base64,([^\"]+)", page)
    plain, softer = (soundfile.read(io.BytesIO(base64.b64decode(sounds[place])))[0] for place in (0, 1))
    assert np.sqrt(np.mean(softer**2) / np.mean(plain**2)) == pytest.approx(0.1, rel=0.1)


def test_a_run_that_changes_nothing_is_told_what_to_type(small_run, tmp_path):
    with pytest.raises(UserError, match=r"give augment=\[NAME"):
        write_changed_clips(compose(small_run), tmp_path / "page.html")
