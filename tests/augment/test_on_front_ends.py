"""Every augmentation of features on every front end that ships."""

import keras
import numpy as np
import pytest
from conftest import ROOT

from mtl_tf.augment.build import AUGMENTATIONS, build_augmentations
from mtl_tf.augment.mixing import Mixing
from mtl_tf.config_files import shipped_options
from mtl_tf.errors import UserError
from mtl_tf.frontends.build import build_frontend
from mtl_tf.models.build import check_augmentations

FRONTENDS = sorted(path.stem for path in (ROOT / "configs" / "frontend").glob("*.yaml") if path.stem != "opensmile")
ON_FEATURES = [name for name, kind in AUGMENTATIONS.items() if kind.on_features and not issubclass(kind, Mixing)]


@pytest.fixture(scope="module")
def features_of():
    """Features of four clips of different lengths, and their mask, by the name of the front end."""
    found: dict = {}

    def compute(name):
        if name not in found:
            options = {key: value for key, value in shipped_options("frontend", name).items() if key != "name"}
            frontend = build_frontend(shipped_options("frontend", name)["name"], options)
            rng = np.random.default_rng(0)
            length = np.array([9000, 16000, 12000, 14000], np.int32)
            time_s = np.arange(16000) / frontend.sample_rate
            waveform = 0.1 * rng.normal(size=(4, 16000)) + 0.3 * np.sin(2 * np.pi * 200.0 * time_s)
            waveform = waveform.astype(np.float32)
            if frontend.is_fitted:
                frontend.build(waveform.shape)
                raw, own = (np.asarray(part) for part in frontend.raw(waveform, length))
                frontend.set_statistics(raw[own].mean(axis=0), raw[own].std(axis=0))
            features, mask = frontend(waveform, length)
            found[name] = frontend, np.asarray(features), np.asarray(mask)
        return found[name]

    return compute


def layer_on(frontend, name, **options):
    keras.utils.set_random_seed(2)
    layer = build_augmentations({name: options}, **frontend.traits)[0]
    try:
        check_augmentations(frontend, {}, [layer])
    except UserError as error:
        pytest.skip(str(error))
    return layer


def changed(layer, features, mask):
    found = layer(features, mask, training=True)
    values, valid = found[:2] if layer.moves_time else (found, mask)
    return np.asarray(values), np.asarray(valid)


@pytest.mark.parametrize("name", ON_FEATURES)
@pytest.mark.parametrize("frontend", FRONTENDS)
def test_clips_that_are_not_chosen_stay_as_they_are_with_their_padding(frontend, name, features_of):
    frontend, features, mask = features_of(frontend)
    values, valid = changed(layer_on(frontend, name, prob=1e-9), features, mask)
    np.testing.assert_allclose(values, features, atol=1e-6 * np.abs(features).max())
    np.testing.assert_array_equal(valid, mask)


@pytest.mark.parametrize("name", ON_FEATURES)
@pytest.mark.parametrize("frontend", FRONTENDS)
def test_changed_clips_have_the_padding_of_the_front_end_and_values_like_theirs(frontend, name, features_of):
    frontend, features, mask = features_of(frontend)
    layer = layer_on(frontend, name, prob=1.0)
    for _ in range(5):
        values, valid = changed(layer, features, mask)
        assert (values[~valid] == frontend.padding_value).all()
        own, theirs = values[valid], features[mask]
        if name != "mix_style":  # which moves means beyond those of either clip
            assert theirs.min() - 1e-4 <= own.min() and own.max() <= theirs.max() + 1e-4


@pytest.mark.parametrize("frontend", FRONTENDS)
def test_masks_leave_a_quarter_of_every_clip(frontend, features_of):
    frontend, features, mask = features_of(frontend)
    layer = layer_on(frontend, "spec_augment", prob=1.0)
    for _ in range(20):
        same = changed(layer, features, mask)[0] == features
        assert all(same[row][mask[row]].mean() >= 0.25 for row in range(len(same)))


def test_masks_of_features_that_are_not_normalised_hold_the_mean_of_the_clip():
    keras.utils.set_random_seed(0)
    options = {"time_masks": 1, "bin_masks": 0, "prob": 1.0}
    layer = build_augmentations({"spec_augment": options}, 8000, zero_is_mean=False)[0]
    features = np.random.default_rng(0).normal(-40.0, 5.0, (3, 50, 8)).astype(np.float32)
    mask = np.arange(50) < np.array([[50], [30], [40]])
    found, _ = changed(layer, features, mask)
    masked = found != features
    assert masked.any()
    for row in range(3):
        np.testing.assert_allclose(found[row][masked[row]], features[row][mask[row]].mean(), rtol=1e-4)
