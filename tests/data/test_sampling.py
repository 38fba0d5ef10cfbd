import numpy as np
import pytest

from mtl_tf.data.sampling import EpochSampler
from mtl_tf.errors import UserError

CORPUS = np.array([0] * 900 + [1] * 90 + [2] * 10)


def sampler(mixing="proportional", seed=0, temperature=2.0, weights=(1, 1, 1)):
    return EpochSampler(CORPUS, np.array(weights, float), mixing, temperature, seed)


@pytest.mark.parametrize("mixing", ["proportional", "balanced", "temperature", "quota"])
def test_an_epoch_is_a_function_of_seed_and_number(mixing):
    order, crops = sampler(mixing).epoch(3)
    again, crops_again = sampler(mixing).epoch(3)
    assert np.array_equal(order, again) and np.array_equal(crops, crops_again)
    assert not np.array_equal(order, sampler(mixing).epoch(4)[0])
    assert not np.array_equal(order, sampler(mixing, seed=1).epoch(3)[0])
    assert len(order) == len(CORPUS)
    assert crops.dtype == np.float32 and crops.min() >= 0 and crops.max() < 1


def test_proportional_is_every_clip_once():
    assert sorted(sampler().epoch(0)[0]) == list(range(1000))


@pytest.mark.parametrize(
    ("mixing", "options", "expected"),
    [
        ("balanced", {}, [334, 333, 333]),
        ("temperature", {"temperature": 1.0}, [900, 90, 10]),
        # sqrt(900), sqrt(90), sqrt(10) = 30, 9.487, 3.162 of 42.649
        ("temperature", {"temperature": 2.0}, [704, 222, 74]),
        ("quota", {"weights": (0, 3, 1)}, [0, 750, 250]),
    ],
)
def test_shares_of_corpora(mixing, options, expected):
    order, _ = sampler(mixing, **options).epoch(0)
    counts = np.bincount(CORPUS[order], minlength=3)
    assert counts.sum() == 1000
    assert np.abs(counts - expected).max() <= 1


@pytest.mark.parametrize("clips", [64, 2500])
def test_an_epoch_can_be_shorter_or_longer_than_the_corpus(clips):
    short = EpochSampler(CORPUS, np.ones(3), "proportional", 1.0, 0, clips_per_epoch=clips)
    order, crops = short.epoch(0)
    assert len(order) == len(crops) == clips
    counts = np.bincount(CORPUS[order], minlength=3)
    assert np.abs(counts - clips * np.array([0.9, 0.09, 0.01])).max() <= 1


def test_a_small_corpus_is_repeated_evenly():
    order, _ = sampler("balanced").epoch(0)
    repeats = np.bincount(order[CORPUS[order] == 2] - 990)
    assert repeats.max() - repeats.min() <= 1


def test_quota_without_any_weight_is_an_error():
    with pytest.raises(UserError, match="mixing_weight"):
        sampler("quota", weights=(0, 0, 0))
