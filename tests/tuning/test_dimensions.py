"""What may stand in a search space, and what is said of what may not."""

import pytest
import yaml
from conftest import ROOT

from mtl_tf.errors import UserError
from mtl_tf.tuning.dimensions import read_dimensions


def read(text):
    return read_dimensions(yaml.safe_load(text))


def test_every_form_is_read():
    found = {
        dimension.name: dimension.describe()
        for dimension in read(
            """
            training.momentum: {float: [0, 0.9], when: {training.optimizer: sgd}}
            training.optimizer: [adam, sgd]
            training.learning_rate: {float: [1e-4, 1e-2], log: true}
            model.dropout: {float: [0, 0.5], step: 0.1}
            training.epochs: {int: [10, 30], step: 10}
            pipeline.random_crop: boolean
            frontend: {log_mel: {num_mel_bins: [40, 64]}, spectrogram: {}}
            training.loss_weights: {sum_to_one: [digit, speaker]}
            """
        )
    }
    assert found == {
        "training.optimizer": "adam, sgd",
        "training.momentum": "0 to 0.9 (where training.optimizer is sgd)",
        "training.learning_rate": "0.0001 to 0.01, log",
        "model.dropout": "0 to 0.5, in steps of 0.1",
        "training.epochs": "10 to 30, in steps of 10",
        "pipeline.random_crop": "true or false",
        "frontend": "log_mel, spectrogram",
        "frontend.num_mel_bins": "40, 64 (where frontend is log_mel)",
        "training.loss_weights.digit": "share of the loss; all shares sum to 1",
        "training.loss_weights.speaker": "share of the loss; all shares sum to 1",
    }


def test_numbers_of_one_type_stay_numbers_and_all_else_is_text():
    assert [read(f"a: {values}")[0].values for values in ("[1, 2]", "[1, 0.5]", "[null, 3]", "['[1, 2]', '[3]']")] == [
        (1, 2),
        (1.0, 0.5),
        ("null", "3"),
        ("[1, 2]", "[3]"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 3", "search.a=3: give a list of values, boolean"),
        ("a: [3]", "search.a: a choice takes a list of two values or more"),
        ("a: {float: [1, 0]}", r"search.a: float: \[1, 0\] is no range"),
        ("a: {float: [0, 1], log: true}", "search.a: log needs numbers above 0"),
        ("a: {float: [0, 1], log: maybe}", "search.a: log=maybe: give true or false"),
        ("a: {float: [a, b]}", r"search.a: give float: \[low, high\], as numbers"),
        ("a: {float: [0, 1], step: 0}", "search.a: step must be above 0"),
        ("a: {int: [0.5, 2]}", "search.a: int takes whole numbers"),
        ("a: {int: [1, 2], float: [1, 2]}", "search.a: give a list"),
        ("a: {int: [1, 2], steps: 1}", "search.a: give a list"),
        ("a: {float: [0.1, .inf]}", "search.a: give finite numbers"),
        ("a: {float: [1, 1.0e+9], step: 1.0e-7}", "search.a: more than 1000 steps"),
        ("a: {float: [0.1, 0.2], step: 0.5}", "search.a: a step of 0.5 leaves one value"),
        ("a: [16, 16]", "search.a: .16, 16. names a value twice"),
        ("model: {compact_cnn: [64, 128]}", "search.model: give compact_cnn: {KEY: WHAT}"),
        ("b: [x, y]\na: {choice: [1, 2], when: {b: []}}", "search.a: when takes {KEY: VALUE}"),
        ("b: [x, y]\na: {choice: [1, 2], when: {b: {x: 1}}}", "search.a: when takes {KEY: VALUE}"),
        ("training.loss_weights: {sum_to_one: [x, x]}", "sum_to_one names each task once"),
        ("b: [x, y]\ntraining.loss_weights: {sum_to_one: [x, y], when: {b: x}}", "takes no when"),
        ("a: {sum_to_one: [x, y]}", "sum_to_one is for training.loss_weights"),
        ("training.loss_weights: {sum_to_one: [x]}", "takes a list of two tasks or more"),
        ("frontend: {log_mell: {}}", "no frontend is called log_mell. Did you mean log_mel?"),
        ("a: {choice: [1, 2], when: {b: 1}}", "when names b, which is no choice of this search"),
        ("b: [x, y]\na: {choice: [1, 2], when: {b: z}}", "when names b=z; it may be x, y"),
        (
            "a: {choice: [1, 2], when: {b: 1}}\nb: {choice: [1, 2], when: {a: 1}}",
            "its conditions go round in a circle",
        ),
    ],
)
def test_what_is_no_dimension_is_said(text, message):
    with pytest.raises(UserError, match=message):
        read(text)


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "search").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_searches_are_read(path):
    assert read_dimensions(yaml.safe_load(path.read_text())["space"])
