import numpy as np
import pandas as pd
import pytest

from mtl_tf.config import LabelsConfig, TaskConfig
from mtl_tf.errors import UserError
from mtl_tf.tasks.labels import build_tasks, class_names, index_labels


def manifest(corpus, labels, split="train"):
    return pd.DataFrame({"corpus": corpus, "emotion": labels, "split": split})


def emotion(**options):
    labels = {
        "a": LabelsConfig(column="emotion", map={"anger": "angry"}, ignore=["boredom"]),
        "b": LabelsConfig(column="emotion"),
    }
    return TaskConfig(classes=["angry", "sad"], labels=labels, **options)


def test_labels_are_mapped_ignored_or_missing():
    table = manifest(["a", "a", "a", "b", "b", "c"], ["anger", "boredom", "sad", "angry", None, "whatever"])
    assert class_names("emotion", emotion(), table).tolist() == ["angry", None, "sad", "angry", None, None]


def test_unmapped_label_is_named_with_its_count():
    with pytest.raises(UserError, match=r"corpus b without a mapping: glee \(2 clips\), awe \(1 clips\)"):
        class_names("emotion", emotion(), manifest(["b"] * 4, ["glee", "sad", "glee", "awe"]))


def test_indices_follow_the_listed_order_and_missing_labels_are_minus_one():
    table = manifest(["b"] * 3, ["sad", "angry", None])
    tasks, names = build_tasks({"emotion": emotion()}, table)
    assert tasks["emotion"].classes == ("angry", "sad")
    assert index_labels(tasks["emotion"], names["emotion"], np.ones(3, bool)).tolist() == [1, 0, -1]


def test_open_classes_are_those_of_training_and_others_carry_no_label():
    table = manifest(["b"] * 4, ["x", "z", "y", "x"])
    table["split"] = ["train", "train", "test", "test"]
    config = TaskConfig(closed_set=True, labels={"b": LabelsConfig(column="emotion")})
    tasks, names = build_tasks({"speaker": config}, table)
    assert tasks["speaker"].classes == ("x", "z")
    assert index_labels(tasks["speaker"], names["speaker"], np.array([1, 1, 0, 0], bool)).tolist() == [0, 1, -1, 0]


def test_a_closed_set_with_listed_classes_indexes_those_of_training_alone():
    table = manifest(["b"] * 4, ["x", "z", "y", "x"])
    table["split"] = ["train", "train", "test", "test"]
    config = TaskConfig(closed_set=True, classes=["x", "y", "z"], labels={"b": LabelsConfig(column="emotion")})
    tasks, names = build_tasks({"speaker": config}, table)
    assert tasks["speaker"].classes == ("x", "y", "z")
    assert index_labels(tasks["speaker"], names["speaker"], np.array([1, 1, 0, 0], bool)).tolist() == [0, 2, -1, 0]


@pytest.mark.parametrize(("one", "other"), [("american", "American"), ("new_zealand", "New Zealand"), ("a-b", "AB")])
def test_classes_that_are_spelt_alike_are_named_with_their_corpora(one, other):
    config = TaskConfig(labels={name: LabelsConfig(column="emotion") for name in "ab"})
    table = manifest(["a", "a", "b"], [one, "irish", other])
    with pytest.raises(
        UserError, match=r"are spelt alike; make one class of them with tasks\.accent\.labels"
    ) as caught:
        build_tasks({"accent": config}, table)
    assert f"{one!r} (corpus a)" in str(caught.value) and f"{other!r} (corpus b)" in str(caught.value)
    listed = TaskConfig(classes=[one, other, "irish"], labels=config.labels)
    assert len(build_tasks({"accent": listed}, table)[0]["accent"].classes) == 3


def test_people_of_two_corpora_are_different_people():
    config = TaskConfig(closed_set=True, labels={name: LabelsConfig(column="emotion") for name in "ab"})
    tasks, _ = build_tasks({"speaker": config}, manifest(["a", "b"], ["03", "03"]))
    assert tasks["speaker"].classes == ("a/03", "b/03")


def test_one_class_left_in_training_is_an_error():
    with pytest.raises(UserError, match=r"task emotion: the training clips carry 1 class \(sad\)"):
        build_tasks({"emotion": emotion()}, manifest(["b", "b"], ["sad", "sad"]))
