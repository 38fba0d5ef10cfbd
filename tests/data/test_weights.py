import numpy as np
import pytest

from mtl_tf.compose import compose
from mtl_tf.config import TrainingConfig
from mtl_tf.data.assemble import assemble, divide
from mtl_tf.data.weights import class_weights, note_small_tasks, task_weights
from mtl_tf.errors import UserError
from mtl_tf.tasks.task import Task

TASKS = {"large": Task("large", tuple("abcd")), "small": Task("small", tuple("xy"))}
WEIGHTS = {"large": np.array([1.0] * 90 + [0] * 30), "small": np.array([0.0] * 90 + [1] * 30)}
TRAINING = np.array([True] * 80 + [False] * 10 + [True] * 20 + [False] * 10)


@pytest.mark.parametrize(
    ("weighting", "large", "small"),
    [
        ("equal", 1, 1),
        ("by_labels", 1.6, 0.4),
        ("by_log_classes", 2 / 3, 4 / 3),
    ],  # 80 and 20 labels; log 4 is twice log 2
)
def test_weights_of_tasks_by_hand(weighting, large, small):
    found = task_weights(TrainingConfig(task_weighting=weighting), TASKS, WEIGHTS, TRAINING)
    assert found == pytest.approx({"large": large, "small": small})
    options = TrainingConfig(task_weighting=weighting, loss_weights={"small": 3})
    assert task_weights(options, TASKS, WEIGHTS, TRAINING) == pytest.approx({"large": large, "small": 3 * small})


def test_weights_of_classes_are_of_training_clips_that_count():
    labels = {"large": np.array([0] * 60 + [1] * 20 + [2] * 40)}
    found = class_weights("balanced", {"large": TASKS["large"]}, labels, {"large": WEIGHTS["large"]}, TRAINING)
    np.testing.assert_allclose(found["large"], [80 / (2 * 60), 80 / (2 * 20), 1, 1])
    plain = class_weights("none", {"large": TASKS["large"]}, labels, {"large": WEIGHTS["large"]}, TRAINING)
    assert plain["large"].tolist() == [1, 1, 1, 1]


def test_a_task_with_few_labels_is_noted_unless_its_weight_is_given():
    notes = []
    note_small_tasks({"large": 100, "small": 19, "other": 20}, TrainingConfig(), notes)
    assert len(notes) == 1 and notes[0].startswith("small has 19 training labels where large has 100")
    note_small_tasks({"large": 100, "small": 19}, TrainingConfig(loss_weights={"small": 0.1}), notes)
    assert len(notes) == 1


def test_a_score_that_validation_cannot_give_is_refused_before_training(small_run):
    rest = "split.validation_fraction=0"
    config = compose([*small_run, "training.monitor=digit.uar", rest])
    with pytest.raises(UserError, match=r"training\.monitor=digit\.uar: no validation clip has a label for digit"):
        divide(assemble(config), config, 0)
    for monitor in ("mean", "loss"):
        config = compose([*small_run, f"training.monitor={monitor}", rest])
        assert divide(assemble(config), config, 0).tasks
