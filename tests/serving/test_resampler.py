import numpy as np
import pytest
import soxr
import tensorflow as tf

from mtl_tf.serving.resampler import Resampler

RATES = [
    (48000, 16000),
    (44100, 16000),
    (22050, 16000),
    (96000, 16000),
    (8000, 16000),
    (16000, 48000),
    (11025, 8000),
    (24000, 22050),
]


@pytest.mark.parametrize(("from_rate", "to_rate"), RATES)
def test_it_gives_the_samples_of_soxr(from_rate, to_rate):
    resample, rng = Resampler(from_rate, to_rate), np.random.default_rng(0)
    for length in (1, 2, 7, 50, 481, from_rate, 2 * from_rate + 17):
        samples = rng.uniform(-1, 1, length).astype(np.float32)
        expected = soxr.resample(samples, from_rate, to_rate, quality="HQ")
        found = resample(tf.constant(samples)).numpy()
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_nothing_stays_nothing():
    assert Resampler(44100, 16000)(tf.zeros([0])).shape == (0,)
