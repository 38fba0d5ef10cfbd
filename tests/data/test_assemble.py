import pytest

from mtl_tf.compose import compose
from mtl_tf.corpora import get_corpus
from mtl_tf.corpora.fixture import write_fixture
from mtl_tf.data.assemble import assemble, divide
from mtl_tf.errors import UserError


def test_a_corpus_without_any_label_is_refused(small_run, tone_corpus):
    write_fixture(get_corpus("esc10"), tone_corpus / "esc10")
    config = compose([*small_run, "corpus=[fsdd,esc10]", "task=[digit,speaker]", "audit.accept=[wrong_duration]"])
    with pytest.raises(UserError, match=r"no clip of esc10 has a label of digit, speaker"):
        divide(assemble(config), config, 0)


TAKES = ("task=[digit]", "tasks.digit.classes=null", "tasks.digit.labels.fsdd.column=take")


def test_a_task_without_test_clips_is_refused(small_run):
    config = compose([*small_run, *TAKES])  # the official split trains on other takes than it tests
    with pytest.raises(UserError, match="no test clip has a label for digit"):
        divide(assemble(config), config, 0)


def test_clips_without_a_label_take_no_part(small_run):
    ignored = "tasks.digit.labels.fsdd.ignore=['5']"
    config = compose([*small_run, *TAKES, ignored, "split.strategy=random", "split.validation_fraction=0"])
    fold = divide(assemble(config), config, 0)
    assert fold.num_unlabelled() >= 4
    assert "5" not in fold.tasks["digit"].classes
    assert len(fold.positions("train")) + len(fold.positions("test")) == 48 - fold.num_unlabelled()
