import numpy as np
import pandas as pd
import pytest

from mtl_tf.config import TaskConfig
from mtl_tf.data.sampling import EpochSampler, groups_of
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


def test_groups_are_drawn_evenly_within_their_corpus():
    rng = np.random.default_rng(0)
    group = rng.choice(4, 1000, p=[0.7, 0.2, 0.08, 0.02])
    even = EpochSampler(CORPUS, np.ones(3), "proportional", 1.0, 0, group_of_clip=group)
    order, _ = even.epoch(0)
    for corpus in range(3):
        drawn = order[CORPUS[order] == corpus]
        present = np.unique(group[corpus == CORPUS])
        counts = np.array([(group[drawn] == each).sum() for each in present])
        assert counts.sum() == (corpus == CORPUS).sum() and np.ptp(counts) <= 1
        for each in present:
            times = np.bincount(drawn[group[drawn] == each], minlength=1000)[(corpus == CORPUS) & (group == each)]
            assert np.ptp(times) <= 1  # every clip of a group as often as the others
    assert np.array_equal(order, even.epoch(0)[0]) and not np.array_equal(order, even.epoch(1)[0])


def test_over_epochs_no_group_of_a_small_corpus_is_left_out():
    """Where an epoch has fewer clips than there are groups, chance decides anew in each."""
    even = EpochSampler(np.zeros(50, int), np.ones(1), "proportional", 1.0, 0, 8, np.arange(50))
    seen = np.unique(np.concatenate([even.epoch(number)[0] for number in range(60)]))
    assert len(seen) == 50


def test_groups_are_values_of_a_column_or_classes_of_a_task():
    manifest = pd.DataFrame({"corpus": "c", "speaker": ["b", None, "a", "b"], "word": ["x", "y", "z", None]})
    labels = {"c": {"column": "word", "map": {"y": "x"}}}
    tasks = {"word": TaskConfig(labels=labels), "tags": TaskConfig(kind="multi_label", labels=labels)}
    trained = pd.DataFrame({"word": ["x", "x", "z", None]})
    assert groups_of("speaker", tasks, manifest, trained).tolist() == [0, 1, 2, 0]
    # Classes of the task, in which two native values are one; also where the task is not trained.
    assert groups_of("word", tasks, manifest, trained).tolist() == [0, 0, 1, 2]
    assert groups_of("word", tasks, manifest, trained[[]]).tolist() == [0, 0, 1, 2]
    with pytest.raises(UserError, match=r"draw_evenly=speakr: no such task or column.*speaker"):
        groups_of("speakr", tasks, manifest, trained)
    with pytest.raises(UserError, match=r"draw_evenly=tags: a clip may have several classes"):
        groups_of("tags", tasks, manifest, trained)
