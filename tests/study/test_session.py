"""Which folder a study is carried on in."""

from pathlib import Path

import pytest
import yaml
from conftest import SMALL_RUN

from mtl_tf.study import names as files
from mtl_tf.study.session import open_study


def opened(*arguments):
    with open_study([*SMALL_RUN, *arguments], [()], Path("studies")) as study:
        return study.folder


def test_a_key_that_a_later_version_adds_does_not_begin_a_study_anew():
    folder = opened()
    path = folder / files.PLAN
    plan = yaml.safe_load(path.read_text())
    for section in ("training", "pipeline", "split"):
        plan["config"][section].popitem()  # a key that an earlier version did not have
    del plan["config"]["augment"]
    path.write_text(yaml.safe_dump(plan))
    assert opened() == folder


@pytest.mark.parametrize("argument", ["training.learning_rate=0.5", "augment=[gain]", "split.seed=3"])
def test_another_value_does(argument):
    assert opened() != opened(argument)


def test_a_damaged_plan_is_no_study():
    folder = opened()
    (folder / files.PLAN).write_text("config: [")
    assert opened() != folder
