"""Every shipped experiment trains a step, on corpora written in the published layout."""

import json

import numpy as np
import pytest
import soundfile

from mtl_tf.compose import compose
from mtl_tf.config_files import choices
from mtl_tf.corpora import KINDS, get_corpus
from mtl_tf.corpora.fixture import write_fixture
from mtl_tf.experiment import run_experiment

SHORT = ("training.epochs=1", "training.steps_per_epoch=1", "pipeline.batch_size=2", "quiet=true")
# What an experiment needs beside `SHORT` to train a step on the example files of its corpora; most need nothing.
KEYS = {
    "fsdd": ["tasks.digit.classes=null"],
    "real_ravdess": ["tasks.emotion.classes=null", "split.test_groups=['02']", "task=[emotion,speech_song]"],
    "emodb": ["fold=0"],
    "esc10": ["fold=0"],
    "fsdd_and_esc10": ["tasks.digit.classes=null"],
    "georgiev2017": [],
    "study_real": [
        *("fold=0", "tasks.digit.classes=null", "tasks.emotion.classes=null", "split.num_folds=2"),
        "task=[emotion,digit,arabic_keyword,scene,voice_activity]",
        *(f"corpora.{name}.split.num_folds=2" for name in ("arabic_speech_commands", "esc10", "ami")),
    ],
}
SMALL_FU2020 = (
    *("model.filters=[8,8,8]", "model.bottleneck_units=8", "model.lstm_units=8", "model.num_heads=2"),
    *("split.validation_fraction=0.2", "pipeline.shards=false"),
)


ROWS = [name for name in choices("experiment") if name.startswith("fu2020")]
RANDOM_FOLD = (
    *(
        "fold=0",
        "corpora.ravdess.where.statement=[kids are talking by the door]",
        "corpora.ravdess.where.strongest=['yes','no']",
        "corpora.ravdess.where.repetition=['1','2']",
        "tasks.emotion.classes=null",
        "pipeline.shards=false",
    ),
    *("pipeline.clip_s=1.0", "frontend.sample_rate=16000"),
)
VCTK = ("corpora.vctk.where.accent=[English,Scottish,American]", "pipeline.clip_s=1.0", "frontend.sample_rate=16000")
PODCAST = ("repeats=2", "corpora.ut_podcast.crop_s=1.0", "pipeline.clip_s=1.0")
PAPERS = {
    name: RANDOM_FOLD if name.startswith("zeng2018") and "vctk" not in name else VCTK if "vctk" in name else PODCAST
    for name in choices("experiment")
    if name.startswith(("zeng2018", "lu2020"))
}
OTHERS = [name for name in choices("experiment") if name not in (*ROWS, *PAPERS, "spoken_digits", "synthetic_events")]
QUICK_ROW = ("fu2020_multitask_cross_language", "printed")
# One row of each paper, and of each kind of configuration, in every run of the tests.
QUICK = {
    *("zeng2018_gresnet_multitask", "zeng2018_table3_relu_tanh", "zeng2018_vctk_multitask"),
    *("zeng2018_svm_multitask", "lu2020_cab_cnn_5s", "lu2020_attention_cnn"),
}


@pytest.mark.parametrize(
    ("name", "protocol"),
    [
        pytest.param(name, protocol, marks=() if (name, protocol) == QUICK_ROW else pytest.mark.slow)
        for name in ROWS
        for protocol in ("printed", "speaker_independent")
    ],
)
def test_a_row_of_the_paper_trains_under_both_protocols(name, protocol, tmp_path):
    for corpus in ("savee", "emodb"):
        write_fixture(get_corpus(corpus), tmp_path / "data" / corpus)
    overrides = [f"experiment={name}", f"protocol={protocol}", *SHORT, *SMALL_FU2020, f"data_root={tmp_path / 'data'}"]
    folder = run_experiment(compose(overrides))
    metrics = json.loads((folder / "metrics.json").read_text())
    assert set(metrics["test"]) == ({"emotion", "speaker"} if "multitask" in name else {"emotion"})
    assert metrics["test"]["emotion"]["classes"][0] == "anger" and len(metrics["test"]["emotion"]["classes"]) == 7
    assert (len(metrics.get("folds", [])) == 4) == (protocol == "speaker_independent")
    text = (folder / "report.html").read_text()
    assert "Fu et al. 2020, table 2" in text and protocol in text


# Labels of the corpora that have no reader, and so no example files.
OWN = {
    "music_speech_silence": ("label", ("music", "silence", "speech")),
    "arabic_speech_commands": ("class", ("open", "close")),
    "ami": ("rttm", ("anna", "ben")),
    "scaper_soundscapes": ("jams", ("car_horn", "human_voice", "siren")),
}


def write_own(kind, root, labels):
    """Writes a folder of class folders, or tables named after the parts of a division, of eight clips per class."""
    column, classes = labels
    if kind == "annotated":
        return write_annotated(root, *labels)
    rng, rows = np.random.default_rng(0), []
    for label in classes:
        (root / label).mkdir(parents=True)
        for number in range(8):
            name = f"{label}/{number:08}_NO_01.wav"  # a speaker, as Arabic Speech Commands has it
            soundfile.write(root / name, 0.1 * rng.standard_normal(16000), 16000)
            rows.append(f"{name},{label}\n")
    if kind == "table":
        for place, part in enumerate(("train", "val", "test")):
            (root / f"{part}.csv").write_text(f"file,{column}\n" + "".join(rows[place::3]))


def write_annotated(root, kind, labels):
    """Writes twelve clips of two seconds, each with an event of every class, and what says when it is."""
    rng, turns = np.random.default_rng(0), {"train": [], "development": [], "test": []}
    root.mkdir(parents=True)
    for number in range(12):
        name = f"clip{number:02}"
        soundfile.write(root / f"{name}.wav", 0.1 * rng.standard_normal(32_000), 16000)
        onsets = [(0.1 + 0.5 * place, label) for place, label in enumerate(labels)]
        part = ("train", "train", "development", "test")[number % 4]
        turns[part] += [f"SPEAKER {name} 1 {onset_s} 0.4 <NA> <NA> {label} <NA> <NA>\n" for onset_s, label in onsets]
        values = [{"time": onset_s, "duration": 0.4, "value": {"label": label}} for onset_s, label in onsets]
        values.append({"time": 0, "duration": 2, "value": {"label": "park", "role": "background"}})
        if kind == "jams":
            content = {"annotations": [{"namespace": "scaper", "data": values}]}
            (root / f"{name}.jams").write_text(json.dumps(content))
    if kind == "rttm":
        for part, lines in turns.items():
            (root / f"set.{part}.rttm").write_text("".join(lines))


@pytest.mark.parametrize("name", OTHERS)
def test_an_experiment_on_recorded_corpora_trains_a_step(name, tmp_path):
    config = compose([f"experiment={name}"])
    for corpus, options in config.corpora.items():
        if options.name in KINDS:
            write_own(options.name, tmp_path / "data" / corpus, OWN[corpus])
        else:
            write_fixture(get_corpus(corpus), tmp_path / "data" / corpus)
    folder = run_experiment(
        compose([f"experiment={name}", *SHORT, *KEYS.get(name, ()), f"data_root={tmp_path / 'data'}"])
    )
    assert (folder / "report.html").is_file()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in PAPERS]
)
def test_a_row_of_the_other_papers_trains_a_step(name, tmp_path):
    config = compose([f"experiment={name}"])
    assert all(entry.source.startswith(("Zeng et al. 2018", "Lu et al. 2020")) for entry in config.published)
    for corpus in config.corpora:
        write_fixture(get_corpus(corpus), tmp_path / "data" / corpus)
    folder = run_experiment(compose([f"experiment={name}", *SHORT, *PAPERS[name], f"data_root={tmp_path / 'data'}"]))
    metrics = json.loads((folder / "metrics.json").read_text())
    assert set(metrics["test"]) == set(config.tasks)
    assert len(metrics.get("repeats", [])) == (2 if name.startswith("lu2020") else 0)
    text = (folder / "report.html").read_text()
    assert ("Beside the literature" in text) == (name != "zeng2018_figure11")
    assert ("best of eight" in text) == name.startswith("lu2020")


@pytest.mark.slow  # .ci/run runs the quickstart itself
def test_the_quickstart_trains_a_step():
    folder = run_experiment(compose(["experiment=spoken_digits", *SHORT]))
    metrics = json.loads((folder / "metrics.json").read_text())
    assert {task: len(scores["classes"]) for task, scores in metrics["test"].items()} == {
        "keyword": 10,
        "accent": 6,
        "speaker": 24,
    }
    assert metrics["test"]["keyword"]["n"] == metrics["test"]["accent"]["n"] == 360
