"""Recipes: what they set, and what is typed wins over them."""

import pytest

from mtl_tf import config_files
from mtl_tf.compose import compose
from mtl_tf.errors import UserError
from mtl_tf.training.compile import build_optimizer
from mtl_tf.tuning.experiment_file import write_experiment

EXPERIMENT = """# @package _global_
defaults:
  - override /corpus: [fsdd]
  - override /task: [digit]
  - override /frontend: log_mel
  - override /model: compact_cnn
pipeline:
  clip_s: 1.0
training:
  epochs: 5
recipe: mine
recipes:
  mine:
    model: crnn
    model.recurrent_units: 7
    training.epochs: 9
"""
RECIPE = "augment: [gain]\naugment.gain.low_db: -3.0\ntraining.epochs: 8\ntraining.learning_rate: 0.5\n"


@pytest.fixture
def own(tmp_path):
    for group, name, text in (("experiment", "words", EXPERIMENT), ("recipe", "mine", RECIPE)):
        (tmp_path / group).mkdir()
        (tmp_path / group / f"{name}.yaml").write_text(text)
    return ["experiment=words", f"config_dir={tmp_path}"]


def test_an_experiment_names_its_recipe_and_has_values_of_its_own_for_it(own):
    config = compose(own)
    assert config.recipe == "mine" and config.model.name == "crnn" and config.model.recurrent_units == 7
    assert config.training.epochs == 9 and config.training.learning_rate == 0.5
    assert config.augment["gain"].low_db == -3.0


def test_without_a_recipe_the_experiment_is_as_its_other_keys_say(own):
    for text in ("recipe=plain", "recipe=null"):
        config = compose([*own, text])
        assert config.model.name == "compact_cnn" and config.training.epochs == 5 and not config.augment
    assert compose([*own, "recipe=null"]).recipe is None


def test_what_is_typed_wins(own):
    config = compose([*own, "training.epochs=2", "model=mel_cnn", "augment=[]"])
    assert config.training.epochs == 2 and config.model.name == "mel_cnn" and not config.augment
    assert config.training.learning_rate == 0.5
    assert compose([*own, "model.recurrent_units=3"]).model.recurrent_units == 3


def test_keys_of_a_front_end_or_model_fall_where_another_one_is_typed():
    """They would be nonsense there, such as frames far apart of what measures pitch."""
    strong = ["experiment=real_ravdess", "recipe=strong", "task=[emotion]"]
    assert compose(strong).frontend.hop_length == 320
    assert compose([*strong, "frontend=log_mel", "model=residual_cnn"]) == compose(strong)
    other = compose([*strong, "frontend=voice_summary", "model=shared_dnn"])
    assert (other.frontend.hop_length, other.model.dropout) == (160, 0.0)
    assert other.training.monitor == "last"


def test_what_a_search_found_is_not_overruled_by_the_recipe_it_began_with(own, tmp_path):
    found = compose([*own, "training.learning_rate=0.25", "training.average_weights=0.5"])
    write_experiment(found, "found", tmp_path / "experiment" / "found.yaml")
    again = compose(["experiment=found", own[1]])
    assert again == found.model_copy(update={"experiment": "found", "recipe": None})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recipes: 3\n", "recipes.mine must hold keys"),
        ("recipes: {mine: [gain]}\n", "recipes.mine must hold keys"),
        ("recipe: [mine]\n", "no recipe is called"),
    ],
)
def test_a_damaged_section_is_explained(own, tmp_path, text, message):
    path = tmp_path / "experiment" / "words.yaml"
    name = text.partition(":")[0]
    kept = (
        path.read_text().split(f"\n{name}:")[0] if name == "recipes" else path.read_text().replace("recipe: mine\n", "")
    )
    path.write_text(f"{kept}\n{text}")
    with pytest.raises(UserError, match=message):
        compose(own)


def test_a_recipe_without_keys_is_named(own, tmp_path):
    (tmp_path / "recipe" / "mine.yaml").write_text("")
    with pytest.raises(UserError, match=r"mine\.yaml holds no keys"):
        compose(own)


def test_mistakes_are_explained(own):
    with pytest.raises(UserError, match=r"no recipe is called strng\. Did you mean strong"):
        compose(["experiment=fsdd", "recipe=strng"])
    with pytest.raises(UserError, match=r"unknown key model\.recurrent_unit\."):
        compose([*own, "model.recurrent_unit=3"])


@pytest.mark.parametrize(
    "name", sorted({path: name for name, path in config_files.choices("experiment").items()}.values())
)
def test_every_file_of_an_experiment_goes_with_the_strong_recipe(name):
    config = compose([f"experiment={name}", "recipe=strong"])
    assert config.recipe == "strong" and config.training.average_weights
    build_optimizer(config.training, 10)


def test_spoken_digits_move_clips_where_they_are_strong():
    strong, plain = (compose(["experiment=spoken_digits", f"recipe={recipe}"]) for recipe in ("strong", "plain"))
    assert compose(["experiment=spoken_digits"]) == strong
    assert list(strong.augment) == ["warp"] and not plain.augment and plain.training.average_weights == 0
    assert strong.model == plain.model and strong.split == plain.split and strong.tasks == plain.tasks


def test_papers_are_trained_as_they_say_unless_asked():
    for name in ("fu2020_multitask", "zeng2018_gresnet_multitask", "lu2020_cab_cnn_5s", "georgiev2017"):
        assert compose([f"experiment={name}"]).recipe is None


@pytest.mark.parametrize("name", ["real_ravdess", "esc10", "emodb", "arabic_speech_commands", "fsdd"])
def test_shipped_experiments_have_a_strong_and_a_plain_form(name):
    strong, plain = (compose([f"experiment={name}", f"recipe={recipe}"]) for recipe in ("strong", "plain"))
    assert compose([f"experiment={name}"]) == (
        strong if name in ("esc10", "arabic_speech_commands", "emodb") else plain
    )
    assert strong.recipe == "strong" and strong.model.name == ("voice_cnn" if name == "emodb" else "residual_cnn")
    assert strong.training.average_weights
    assert plain.model.name == "compact_cnn" and not plain.augment and not plain.training.average_weights
    assert strong.tasks == plain.tasks and strong.corpora == plain.corpora
