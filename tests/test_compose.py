import re

import pytest
import yaml

from mtl_tf import compose, config_files
from mtl_tf.config import RunConfig
from mtl_tf.config_help import help_text
from mtl_tf.errors import UserError

MISTAKES = {
    ("experiment=",): "give one experiment=NAME. Known: ami_voice_activity",
    ("experiment=fsdd,esc10",): "give one experiment=NAME",
    ("experiment=fsdd", "model="): "model=: give one of alexnet",
    ("experiment=fsdd", "model=gresnet,fu2020"): "give one of alexnet",
    ("experiment=fsdd", "task=[]"): "task=[]: give one or more of",
    ("experiment=fsdd", "task.digit=1"): "unknown key task.digit. Did you mean tasks.digit?",
    ("experiment=fsdd", "training={}"): "training={}: give keys of it one by one",
    ("experiment=fsdd", "frontend.name=[a]"): "frontend.name is '[a]'",
    ("experiment=fsdd", "model.filters.x=1"): "cannot read the configuration",
    ("experiment=fsdd", "split.scored_corpora=[foo]"): "split.scored_corpora names foo; the run's corpora are fsdd",
    ("experiment=fsd",): "no experiment is called fsd. Did you mean fsdd?",
    ("experiment=fsdd", "training.epoch=3"): "unknown key training.epoch. Did you mean training.epochs?",
    ("experiment=fsdd", "trainin.epochs=3"): "unknown key trainin. Did you mean training?",
    ("experiment=fsdd", "frontend.n_ftt=3"): "unknown key frontend.n_ftt. Did you mean frontend.n_fft?",
    ("experiment=fsdd", "model.filter=[3]"): "unknown key model.filter. Did you mean model.filters?",
    ("experiment=fsdd", "corpora.fsdd.crop=2"): "unknown key corpora.fsdd.crop. Did you mean corpora.fsdd.crop_s?",
    ("experiment=fsdd", "corpus=fsd"): "no corpus is called fsd. Did you mean fsdd?",
    ("experiment=fsdd", "training.epochs=many"): "training.epochs='many': input should be a valid integer",
    ("experiment=fsdd", "split.strategy=kfold"): "split.strategy='kfold'",
    ("experiment=fsdd", "training.monitor=last", "training.early_stopping_patience=3"): "has no score to stop by",
    ("experiment=fsdd", "training.monitor=digits.uar"): "training.monitor=digits.uar",
    (
        "experiment=fsdd",
        "training.monitor=loss.uar",
    ): "give mean, loss, last, or one of digit, speaker with .uar, .accuracy",
    ("experiment=fsdd", "training.loss_weights.digits=2"): "Did you mean digit?",
    ("experiment=fsdd", "task=[scene]"): "none of which is a corpus of this run",
    ("experiment=real_ravdess", "protocol=printed"): "has no protocol printed; leave protocol= away",
    ("experiment=fsdd", "corpora.ravdess.crop_s=2"): "corpora.ravdess is given keys, by you or by the experiment",
    ("experiment=fsdd", "model=fu2020", "model.gru_unit=2"): "Did you mean model.lstm_units?",
    ("experiment=fsdd", "-m", "seed=1,2"): "-m: keys are given as key=value, without dashes",
    ("experiment=fsdd", "~training.nonsense"): "~training.nonsense: neither the experiment nor a group sets it",
    ("experiment=fsdd", "~task"): "~task: a run needs it",
    ("experiment=fsdd", "model.filters=[1"): "model.filters=[1: brackets do not match",
    ("experiment=fsdd", "experiment=emodb"): "experiment is given twice",
    ("experiment=fsdd", "task=[digit"): "task=[digit: brackets do not match",
    ("experiment=fsdd", "split.test_groups=[13,14"): "split.test_groups=[13,14: brackets do not match",
    ("experiment=fsdd", "corpus=mine"): "scripts/init.py makes one of your own folder or table",
    ("experiment=fsdd", "pipeline.noise_db=[-60]"): "pipeline.noise_db has too few values",
    ("experiment=fsdd", "audit.accept=[corrupt]"): "audit.accept.0='corrupt': input should be 'silent'",
    ("experiment=fsdd", "training.lr=1"): "unknown key training.lr. Did you mean training.learning_rate?",
    ("experiment=fsdd", "frontend.n_mels=1"): "Did you mean frontend.num_mel_bins?",
    ("experiment=fsdd", "seed=-1"): "seed=-1: input should be greater than or equal to 0",
    ("experiment=fsdd", "training.loss_weights.digit=-1"): "training.loss_weights.digit=-1",
    ("experiment=fsdd", "corpus=[]"): "corpus=[]: give one or more of ami, arabic_speech_commands",
    ("experiment=fsdd", "seed=5000000000"): "seed=5000000000: input should be less than 2147483648",
    ("experiment=fsdd", "epochs=3"): "unknown key epochs. Did you mean training.epochs?",
    ("experiment=fsdd", "training.batch_size=3"): "unknown key training.batch_size. Did you mean pipeline.batch_size?",
    ("experiment=fsdd", "crop_s=3"): "unknown key crop_s. Did you mean corpora.NAME.crop_s?",
    ("experiment=fsdd", "tasks.digit.classes=['0','0']"): "names a class twice",
    ("experiment=fsdd", "hydra.run.dir=x"): "unknown key hydra.run.dir",
    ("experiment=fsdd", "training.learning_rate=.inf"): "training.learning_rate=inf: input should be a finite number",
    ("experiment=fsdd", "training.loss_weights.digit=.nan"): "training.loss_weights.digit=nan",
    ("experiment=fsdd", "augment=[warp,warp]"): "augment=[warp,warp]: warp is there 2 times; give it once",
    ("experiment=fsdd", "task=[digit,digit]"): "digit is there 2 times; give it once",
    (
        "experiment=real_ravdess",
        "training.epochs=2",
        "training.warmup_epochs=2",
    ): "training: warmup_epochs=2 is not shorter than epochs=2",
    ("epochs",): "not of the form key=value",
    (): "give one experiment=NAME",
}


@pytest.mark.parametrize("overrides", MISTAKES, ids=lambda overrides: " ".join(overrides) or "nothing")
def test_mistakes_are_explained_in_one_line(overrides):
    with pytest.raises(UserError) as caught:
        compose.compose(overrides)
    assert MISTAKES[overrides] in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", config_files.choices("experiment"))
def test_every_experiment_composes_and_survives_its_file(name, tmp_path):
    config = compose.compose([f"experiment={name}"])
    compose.save(config, tmp_path / "config.yaml")
    assert compose.load(tmp_path / "config.yaml") == config


def test_command_line_wins_over_experiment_wins_over_group():
    config = compose.compose(["experiment=spoken_digits", "training.epochs=7", "model.dropout=0.25"])
    assert config.training.epochs == 7
    assert config.model.dropout == 0.25
    group = yaml.safe_load((config_files.CONFIG_DIR / "frontend" / "log_mel.yaml").read_text())
    assert config.frontend.hop_length == group["hop_length"]


def test_group_choices_can_be_changed_and_listed():
    config = compose.compose(["experiment=spoken_digits", "task=[keyword]", "frontend=spectrogram"])
    assert list(config.tasks) == ["keyword"]
    assert config.frontend.name == "spectrogram"


def test_protocol_changes_the_division_only():
    printed, independent = (
        compose.compose(["experiment=papers/fu2020_multitask", f"protocol={name}"])
        for name in ("printed", "speaker_independent")
    )
    assert printed.split.strategy == "random" and independent.split.strategy == "leave_one_group_out"
    changed = {key for key, value in printed.model_dump().items() if value != independent.model_dump()[key]}
    assert changed == {"split", "protocol"}


@pytest.mark.parametrize("name", ["frontend", "start_s", "my task", "Émotion", "2nd"])
def test_a_task_needs_a_name_that_an_output_can_have(name):
    values = compose.compose(["experiment=fsdd"]).model_dump()
    values["tasks"][name] = values["tasks"].pop("digit")
    with pytest.raises(UserError, match="names are letters, digits and '_'"):
        compose.validate(values)


def test_an_empty_mapping_clears_what_the_experiment_says():
    experiment = "experiment=zeng2018_gresnet_multitask"
    assert compose.compose([experiment]).corpora["ravdess"].where
    assert compose.compose([experiment, "corpora.ravdess.where={}"]).corpora["ravdess"].where == {}


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe", b"", b"- 1"], ids=repr)
def test_a_damaged_file_is_named(content, tmp_path):
    (tmp_path / "config.yaml").write_bytes(content)
    with pytest.raises(UserError, match=r"config\.yaml is damaged") as caught:
        compose.load(tmp_path / "config.yaml")
    assert "\n" not in str(caught.value)


def test_a_file_that_lacks_a_section_is_explained(tmp_path):
    (tmp_path / "config.yaml").write_text("experiment: x\n")
    with pytest.raises(UserError, match=r"config\.yaml: corpora is not set"):
        compose.load(tmp_path / "config.yaml")


def test_help_explains_every_key():
    text = help_text(["all"])
    assert max(map(len, text.splitlines())) <= 120
    for key in RunConfig.model_fields:
        assert f"  {key}" in text
    for group in compose.GROUPS:
        for choice in config_files.choices(group):
            assert choice in text
    for group in ("frontend", "model", "augment"):
        for choice in config_files.choices(group):
            place = f"{group}.{choice}" if group == "augment" else group
            section = text[text.index(f"Keys of {group}={choice}:") :].split("\n\n")[0]
            for key in set(config_files.shipped_options(group, choice)) - {"name"}:
                assert f"\n  {place}.{key}=" in section, f"configs/{group}/{choice}.yaml does not say what {key} is"
    assert "hop_length=160\n      step between frames, in samples" in text
    assert "  resume=true\n" in text


def keys_in(text):
    return {line.strip().split("=")[0] for line in text.splitlines() if re.match(r"  [a-z]\S*=", line)}


def test_help_alone_is_a_page_or_two_and_says_how_to_see_more():
    text = help_text()
    assert len(text.splitlines()) < 100 and max(map(len, text.splitlines())) <= 120
    assert {"recipe", "protocol", "seed", "quiet"} <= keys_in(text)
    assert not any("." in key for key in keys_in(text)) and "training --help" in text
    for section in ("corpora.NAME.", "tasks.NAME.", "audit.", "split.", "pipeline.", "training.", "study."):
        assert f"\n  {section} " in text


def test_help_shows_the_keys_that_are_asked_for():
    assert {key.split(".")[0] for key in keys_in(help_text(["training", "split.seed"]))} == {"training", "split"}
    assert keys_in(help_text(["seed"])) == {"seed"}
    kinds = " ".join(help_text(["tasks"]).split())
    assert "(one of single_label, multi_label, frame_single_label, frame_multi_label)" in kinds
    assert {key.rpartition(".")[0] for key in keys_in(help_text(["augment=[warp,noise]", "model=crnn"]))} == {
        "augment.warp",
        "augment.noise",
        "model",
    }
    own = help_text(["experiment=fsdd", "training", "training.epochs=7"])
    assert "  training.epochs=7\n" in own and {key.split(".")[0] for key in keys_in(own)} == {"training"}
    assert "tasks.speaker.closed_set" in keys_in(help_text(["experiment=fsdd", "tasks"]))
    changed = help_text(["experiment=fsdd", "augment=[warp]", "augment.warp.tempo=0.07"])
    assert "  augment.warp.tempo=0.07\n" in changed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trainig"], "no such section of keys. Did you mean training"),
        (["trainig", "experiment=fsdd"], "no such section of keys. Did you mean training"),
        (["model"], "model --help: give model=NAME. Known: alexnet"),
        (["model=crn"], "no model is called crn. Did you mean crnn"),
        (["model=[crnn,cab_cnn]"], "give one of"),
        (["augment=[warp,warp]"], "is there 2 times"),
        (["modle=crnn"], "modle=crnn --help: Did you mean model"),
        (["task=[digit]"], "give experiment=NAME, too"),
        (["all", "training"], "leave the other words away"),
    ],
)
def test_mistakes_before_help_are_named(arguments, message):
    with pytest.raises(UserError, match=message.replace("[", r"\[")):
        help_text(arguments)


def test_help_knows_files_of_ones_own(tmp_path):
    (tmp_path / "own" / "augment").mkdir(parents=True)
    (tmp_path / "own" / "model").mkdir()
    (tmp_path / "own" / "augment" / "my_warp.yaml").write_text("# @package augment.my_warp\nname: warp\nprob: 0.9\n")
    (tmp_path / "own" / "model" / "narrow.yaml").write_text("# Few filters.\nname: crnn\nfilters: [8, 8]  # few\n")
    chosen = ["augment=[my_warp]", f"config_dir={tmp_path / 'own'}"]
    for arguments in (chosen, [*chosen, "experiment=fsdd"]):
        text = help_text(arguments)
        assert "  augment.my_warp.prob=0.9\n" in text and "augment.my_warp.semitones=" in text
    narrow = help_text(["model=narrow", f"config_dir={tmp_path / 'own'}"])
    assert "  model.filters=[8, 8]\n      few" in narrow and "model.recurrent_units=64" in narrow
    with pytest.raises(UserError, match=r"augment\.\w+ is warp, and another is, too"):
        compose.compose(["experiment=fsdd", "augment=[warp,my_warp]", f"config_dir={tmp_path / 'own'}"])
    (tmp_path / "own" / "augment" / "my_warp.yaml").write_bytes("name: warp # caf\u00e9".encode("latin-1"))
    for arguments in (chosen, ["all", chosen[1]]):
        with pytest.raises(UserError, match=r"my_warp\.yaml is no YAML"):
            help_text(arguments)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("augment.foo.name=wrap", "augment.foo.name is 'wrap'. Did you mean warp"),
        ("augment.warp=3", "augment.warp=3: give keys of it one by one"),
    ],
)
def test_augmentations_that_are_none_are_named(argument, message):
    with pytest.raises(UserError, match=message):
        compose.compose(["experiment=fsdd", argument])


def test_help_on_an_experiment_shows_its_values_and_no_other_model():
    text = help_text(["experiment=fsdd", "training.epochs=7", "frontend.hop_length=99"])
    for line in (
        "training.epochs=7",
        "frontend.hop_length=99",
        "tasks.digit.closed_set=false",
        "corpora.fsdd.name=fsdd",
    ):
        assert f"  {line}\n" in text
    assert "NAME." not in text and "gresnet." not in text
    given = dict(line.strip().split("=", 1) for line in text.splitlines() if re.match(r"  [\w.]+=", line))
    typed = [f"{key}={value}" for key, value in given.items() if key not in ("experiment", "protocol")]
    assert len(typed) > 80
    shown = compose.compose(["experiment=fsdd", *typed])
    assert shown == compose.compose(["experiment=fsdd", "training.epochs=7", "frontend.hop_length=99"])


def test_files_of_ones_own_are_found_first_in_any_folder(tmp_path):
    own = tmp_path / "it's, my=own [1]"
    for group in ("experiment", "task", "search"):
        (own / group).mkdir(parents=True)
    (own / "task" / "digit.yaml").write_text(
        "# @package tasks.digit\nclasses: ['0', '1']\nlabels: {fsdd: {column: digit}}\n"
    )
    shipped = (config_files.CONFIG_DIR / "experiment" / "fsdd.yaml").read_text()
    (own / "experiment" / "mine.yaml").write_text(shipped.replace("epochs: 16", "epochs: 3"))
    config = compose.compose(["experiment=mine", f"config_dir={own}"])
    assert config.training.epochs == 3 and config.tasks["digit"].classes == ["0", "1"]
    assert config.tasks["speaker"].closed_set  # a shipped file
    assert len(compose.compose(["experiment=fsdd"]).tasks["digit"].classes) == 10  # nothing is left behind
    with pytest.raises(UserError, match="no experiment is called mine"):
        compose.compose(["experiment=mine"])


def test_a_folder_of_ones_own_that_was_not_named_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_configs" / "experiment").mkdir(parents=True)
    (tmp_path / "my_configs" / "experiment" / "mine.yaml").write_text("# @package _global_\n")
    with pytest.raises(UserError, match="There is one in my_configs: add config_dir=my_configs"):
        compose.compose(["experiment=mine"])
    with pytest.raises(UserError, match=r"no task is called \*\*mine\. .*init"):
        compose.compose(["experiment=fsdd", "task=[**mine]"])


def test_the_environment_names_a_folder_of_ones_own(tmp_path, monkeypatch):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(
        (config_files.CONFIG_DIR / "experiment" / "fsdd.yaml").read_text()
    )
    monkeypatch.setenv("MTL_TF_CONFIG", str(tmp_path))
    assert compose.compose(["experiment=mine"]).experiment == "mine"
    monkeypatch.setenv("MTL_TF_CONFIG", str(tmp_path / "gone"))
    with pytest.raises(UserError, match=r"MTL_TF_CONFIG=.*gone: there is no such folder"):
        compose.compose(["experiment=fsdd"])
    with pytest.raises(UserError, match="config_dir=nowhere: there is no such folder"):
        compose.compose(["experiment=fsdd", "config_dir=nowhere"])


@pytest.mark.parametrize(
    ("group", "text", "message"),
    [
        ("task", "# @package tasks.mine\nlabels: {fsdd: {column: digit}\n", r"mine\.yaml is no YAML"),
        ("task", "", r"mine\.yaml holds no keys"),
        ("task", "labels: {fsdd: {column: digit}}\n", r"must begin with the line: # @package tasks\.mine"),
        ("corpus", "# @package corpora.mine\n name: fsdd\n  path: x\n", r"mine\.yaml is no YAML"),
        ("experiment", "defaults:\n  - override /corpus: [fsdd]\n", "must begin with the line: # @package _global_"),
    ],
)
def test_a_slip_in_a_file_of_ones_own_is_named(group, text, message, tmp_path):
    (tmp_path / group).mkdir()
    (tmp_path / group / "mine.yaml").write_text(text)
    chosen = {"task": "task=[mine]", "corpus": "corpus=[mine]", "experiment": "experiment=mine"}[group]
    with pytest.raises(UserError, match=message):
        compose.compose([*(["experiment=fsdd"] if group != "experiment" else []), chosen, f"config_dir={tmp_path}"])
