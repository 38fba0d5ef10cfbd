"""Options that change nothing are told of."""

import pytest

from mtl_tf.augment.build import build_augmentations
from mtl_tf.compose import compose
from mtl_tf.frontends.build import build_frontend
from mtl_tf.runs.without_effect import without_effect


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ([], []),
        (["training.label_smoothing=0.1", "pipeline.window_s=0.9"], []),
        (["training.focal_loss=2"], ["training.focal_loss has no effect: no task has tags"]),
        (["training.warmup_epochs=1"], ["training.warmup_epochs has no effect"]),
        (["training.warmup_epochs=1", "training.learning_rate_schedule=cosine"], []),
        (["training.momentum=0.9"], ["training.momentum has no effect: training.optimizer is adam"]),
        (["training.momentum=0.9", "training.optimizer=sgd"], []),
        (["pipeline.window_s=2"], ["pipeline.window_s has no effect: no clip is longer than 1.5 s"]),
        (["augment=[warp,spec_augment]"], []),
        (
            ["frontend=mfcc", "augment=[warp]"],
            ["augment.warp.semitones has no effect: the bins of this front end are no frequencies"],
        ),
        (["frontend=mfcc", "augment=[warp]", "augment.warp.semitones=0"], []),
        (
            ["frontend=filter_bank_summary", "model=shared_dnn", "augment=[warp,spec_augment]"],
            [
                "augment.warp.semitones has no effect",
                "augment.warp.tempo has no effect: this front end makes one frame of a clip",
                "augment.spec_augment.time_masks has no effect",
            ],
        ),
        (["frontend=envelope", "augment=[spec_augment]"], ["augment.spec_augment.bin_masks has no effect"]),
    ],
    ids=" ".join,
)
def test_what_changes_nothing_is_told_of(overrides, said):
    config = compose(["experiment=fsdd", "recipe=plain", "training.learning_rate_schedule=constant", *overrides])
    frontend = build_frontend(config.frontend.name, config.options("frontend"))
    layers = build_augmentations(config.augment_options(), **frontend.traits)
    found = without_effect(config, frontend, layers, 1.5)
    assert len(found) == len(said)
    assert all(sentence.startswith(expected) for sentence, expected in zip(found, said, strict=True))


def test_label_smoothing_and_focal_loss_are_for_different_tasks():
    config = compose(["experiment=synthetic_events", "training.label_smoothing=0.1", "training.focal_loss=2"])
    frontend = build_frontend(config.frontend.name, config.options("frontend"))
    assert without_effect(config, frontend, [], 1.0) == [
        "training.label_smoothing has no effect: no task asks for one class of a clip"
    ]
