"""From a folder or table to an experiment: what `scripts/init.py` does."""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import pandas as pd
import yaml
from pydantic import ValidationError

from mtl_tf.compose import compose
from mtl_tf.config import AuditConfig, CorpusConfig, UnusableClip
from mtl_tf.config_checks import RESERVED
from mtl_tf.config_files import choices, config_dirs
from mtl_tf.corpora import KINDS, corpus_names, open_corpus
from mtl_tf.corpora.table import ALIASES
from mtl_tf.data.leave_out import leave_out
from mtl_tf.data.manifest import TEST, TRAIN, VALIDATION
from mtl_tf.data.prepare import AUDIT, prepare_corpus
from mtl_tf.errors import UserError
from mtl_tf.files import write_whole
from mtl_tf.init.place import describe_place
from mtl_tf.init.propose import doubts, propose_lengths, propose_split, propose_tasks
from mtl_tf.init.texts import corpus_text, experiment_text, task_text
from mtl_tf.progress import say
from mtl_tf.reporting.tables import print_audit
from mtl_tf.tables import read_table
from mtl_tf.values import read_arguments

KEYS = ("name", "config_dir", "task", "levels", "audio_dir", "force", "prepared_dir")
COLUMNS = tuple(f"columns.{column}" for column in ALIASES)
DEFAULT_DIR = "my_configs"
LEFT_OUT = (*get_args(UnusableClip), "duplicate", "too_short")
# The network and its recipe were chosen on validation clips of Arabic Speech Commands, of speakers unknown to training.
TRAINING = {"epochs": 40, "learning_rate_schedule": "cosine"}
RATES = {"crnn": 0.001, "residual_cnn": 0.002}


def begin(arguments: Sequence[str]) -> str:
    """Looks at a corpus, says what is there, and writes corpus, tasks and experiment.

    Args:
        arguments: a folder or table, `KEYS`, `columns.file=COLUMN` and the like, and `patterns.COLUMN=EXPRESSION`;
            `task` may be given several times or as a list. `corpora.NAME.` may stand before a key, as messages have it.

    Returns:
        The name of the experiment.

    Raises:
        UserError: a mistake in the arguments, nothing that can be read, or files that would be overwritten.
    """
    arguments = [re.sub(r"^corpora\.\w+\.(?=\w+(\.\w+)?=)", "", argument) for argument in arguments]
    asked = [text for argument in arguments if argument.startswith("task=") for text in _listed(argument[5:])]
    found = {text: re.match(r"(?:--)?(patterns\.\w+)(?:=|$)", text) for text in arguments}
    for text, match in found.items():
        if match is None and re.match(r"(--)?patterns?\b", text):
            raise UserError(f"{text}: give patterns.COLUMN=EXPRESSION, as in patterns.speaker='([0-9]+)_'")
    patterns = list(dict.fromkeys(match[1] for match in found.values() if match))
    values, places = read_arguments(
        [text for text in arguments if not text.startswith("task=")],
        (*KEYS, *COLUMNS, *patterns),
        files=True,
    )
    name = _checked_name(values, places)
    own = Path(values.get("config_dir", DEFAULT_DIR))
    there = [str(path) for group in ("corpus", "experiment") if (path := own / group / f"{name}.yaml").exists()]
    if there and values.get("force", "false") != "true":
        raise UserError(_refusal(there))
    prepared = Path(values.get("prepared_dir", "prepared"))
    levels = _listed(values["levels"]) if "levels" in values else None
    columns = {key.partition(".")[2]: values[key] for key in COLUMNS if key in values}
    table: dict[str, object] = {"columns": columns} if columns else {}
    table |= {"audio_dir": values["audio_dir"]} if "audio_dir" in values else {}
    options = describe_place(Path(places[0]).expanduser(), name, levels, table)
    options = _with_patterns(options, {key.partition(".")[2]: values[key] for key in patterns if key in values})
    corpus = open_corpus(name, options)
    manifest, _ = prepare_corpus(corpus, None, prepared, AuditConfig())
    print_audit(corpus, manifest, prepared / name)
    findings = read_table(prepared / name / AUDIT)
    usable = leave_out(
        manifest,
        findings,
        corpus,
        AuditConfig(skip=list(LEFT_OUT), accept=_accepted(findings)),
        prepared / name / AUDIT,
    )
    taken = {*choices("task", config_dirs()), *RESERVED, *_others(own, name)}
    tasks, left = propose_tasks(usable, asked, name, taken)
    split, division, sentence = propose_split(usable, all(task.classes is None for task in tasks))
    options = options.model_copy(update={"split": split, **_audit(findings)})
    if split.strategy == "predefined" and usable["official_split"].isna().any() and not division:
        options = options.model_copy(update={"where": {"official_split": [TRAIN, VALIDATION, TEST]}})
    for task in tasks:
        kind = "classes" if task.separator is None else f"tags, parted by {task.separator!r}"
        if task.of_frames:
            kind = f"kind{'s' if len(task.classes) > 1 else ''} of event, and when each is heard"
        what = "who speaks" if task.classes is None else f"{len(task.classes)} {kind}"
        say(f"task {task.name}: {what}, from the column {task.column}")
        if task.spellings:
            say(
                "  spelt alike, so one class: " + ", ".join(f"{key} = {value}" for key, value in task.spellings.items())
            )
    for line in left:
        say(f"no task {line}")
    for line in doubts(usable, tasks):
        say(f"note: {line}")
    say(f"tested on {sentence}")
    of_frames = any(task.of_frames for task in tasks)
    model = "crnn" if of_frames else "residual_cnn"
    training = {"training": TRAINING | {"learning_rate": RATES[model]}, "recipe": "strong"}
    experiment = propose_lengths(usable, of_frames) | division | training
    texts = {
        f"corpus/{name}.yaml": corpus_text(name, options),
        **{f"task/{task.name}.yaml": task_text(task, name) for task in tasks},
        f"experiment/{name}.yaml": experiment_text(name, options, tasks, model, experiment),
    }
    there = [str(own / file) for file in texts if (own / file).exists()]
    if there and values.get("force", "false") != "true":
        raise UserError(_refusal(there))
    from mtl_tf.runs.walk import prepare  # TensorFlow, which a mistyped name does not wait for

    with tempfile.TemporaryDirectory() as trial:  # what does not run is not left in the user's folder
        _write(texts, Path(trial))
        prepare(compose([f"experiment={name}", f"config_dir={trial}", f"prepared_dir={prepared}", "quiet=true"]))
    for path in _write(texts, own):
        say(f"wrote {path}")
    say(f"next: python scripts/train.py experiment={name} config_dir={own}")
    return name


def _refusal(there: Sequence[str]) -> str:
    verb = "are" if len(there) > 1 else "is"
    return f"{', '.join(there)} {verb} there; force=true writes anew, from what is typed this time alone"


def _with_patterns(options: CorpusConfig, patterns: dict[str, str]) -> CorpusConfig:
    """Adds the columns that stand in the names of files.

    Raises:
        UserError: one is no regular expression.
    """
    if not patterns:
        return options
    try:
        return CorpusConfig(**options.model_dump(exclude_unset=True), patterns=patterns)
    except ValidationError as error:
        raise UserError(f"patterns.{error.errors()[0]['msg'].removeprefix('Value error, ')}") from error


def _write(texts: dict[str, str], folder: Path) -> list[Path]:
    for file, text in texts.items():
        write_whole(folder / file, text.encode())
    return [folder / file for file in texts]


def _checked_name(values: dict[str, str], places: Sequence[str]) -> str:
    if len(places) != 1:
        raise UserError(f"give one folder or table, and name=NAME; {len(places)} are given")
    if "name" not in values:
        raise UserError(f"give the corpus a name, as in: init.py {places[0]} name=NAME")
    name = values["name"]
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or name in RESERVED:
        raise UserError(
            f"name={name}: give a name of letters, digits and '_' that begins with a letter"
            if name not in RESERVED
            else f"name={name}: this name is taken by a part of every model; give another"
        )
    if name in (*corpus_names(), *KINDS):
        raise UserError(f"name={name}: a published corpus or a kind of corpora is called so; give another")
    if values.get("force", "false") not in ("true", "false"):
        raise UserError("force is true or false")
    return name


def _others(own: Path, name: str) -> list[str]:
    """Lists the tasks in a user's folder that are about other corpora."""
    found = []
    for path in (own / "task").glob("*.yaml"):
        try:
            task = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError):
            task = None
        if not isinstance(task, dict) or name not in (task.get("labels") or {}):
            found.append(path.stem)
    return found


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.strip("[]").split(",") if part.strip()]


def _accepted(findings: pd.DataFrame) -> list[str]:
    return sorted(set(findings["kind"]) - set(LEFT_OUT))


def _audit(findings: pd.DataFrame) -> dict[str, list[str]]:
    skipped = sorted(set(findings["kind"]) & set(LEFT_OUT))
    return {key: kinds for key, kinds in (("skip", skipped), ("accept", _accepted(findings))) if kinds}
