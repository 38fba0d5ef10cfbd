import numpy as np
import pytest

from mtl_tf.evaluation.lengths import is_silent, unfit_clip, unfit_length

LENGTHS = {"shortest_s": 0.4, "longest_s": 2.0, "trained_s": 2.0}


@pytest.mark.parametrize("seconds", [0.2, 0.4, 1.0, 2.0, 4.0])
def test_clips_like_those_of_training_may_be_trusted(seconds):
    assert unfit_length(seconds, LENGTHS) is None


@pytest.mark.parametrize("seconds", [0.19, 4.01, 699])
def test_clips_of_other_lengths_may_not(seconds):
    assert unfit_length(seconds, LENGTHS).endswith("the model learned from clips of 0.40 to 2.00 s")


def test_a_run_that_says_nothing_of_lengths_refuses_none():
    assert unfit_length(699, {}) is None


def test_silence_may_not_be_trusted_unless_training_had_some():
    silence, sound = np.full(8000, 5e-5, np.float32), np.full(8000, 0.1, np.float32)
    lengths = LENGTHS | {"silence_peak": 1e-4}
    assert unfit_clip(silence, 8000, lengths) == "it is silent" and unfit_clip(sound, 8000, lengths) is None
    assert unfit_clip(silence, 8000, LENGTHS | {"silence_peak": 0.0}) is None
    assert is_silent(np.zeros(0), lengths) and not is_silent(silence, {})
