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


def test_another_question_has_a_folder_of_its_own_and_more_seeds_have_not():
    """So that no report is overwritten by one of fewer cells."""
    folder = opened("study.seeds=2")
    assert opened("study.seeds=3", "study.workers=1") == folder
    assert opened("study.seeds=2") != folder  # which has three now
    for other in ("study.tasks=[digit]", "study.sets=[alone]", "study.folds=[0]", "study.budget=updates"):
        assert opened("study.seeds=3", other) != folder


def test_a_damaged_plan_is_no_study():
    folder = opened()
    (folder / files.PLAN).write_text("config: [")
    assert opened() != folder
