"""One self-contained HTML page per run or cross-validation."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from mtl_tf.annotations import timed_events
from mtl_tf.config import RunConfig
from mtl_tf.corpora import open_corpus
from mtl_tf.data.manifest import TRAIN
from mtl_tf.data.splits import UNUSED
from mtl_tf.evaluation.attention import attention_weights, has_attention
from mtl_tf.files import write_whole
from mtl_tf.reporting import figures
from mtl_tf.reporting.alone import scores_alone
from mtl_tf.reporting.comparison import compare_published
from mtl_tf.reporting.counts import class_counts, group_name
from mtl_tf.reporting.event_roll import event_roll
from mtl_tf.reporting.examples import choose_examples, load_examples, playable
from mtl_tf.reporting.machine import machine_scores
from mtl_tf.reporting.precision_recall import precision_recall
from mtl_tf.reporting.words import (
    check_thresholds,
    describe_fitting,
    describe_interval,
    describe_scores,
    describe_weights,
    percent,
    telling_speakers,
)
from mtl_tf.runs import names
from mtl_tf.runs.load_model import load_model
from mtl_tf.runs.read import (
    load_audit,
    load_config,
    load_division,
    load_history,
    load_metrics,
    load_speakers,
    load_thresholds,
    part_folders,
)
from mtl_tf.tasks.metrics import metric_title

MAX_AUDIT_ROWS = 200
NONE = "no tag"


def write_report(folder: Path) -> Path:
    """Writes `report.html` from what else is in a run's folder.

    It says what was trained on what, the scores with intervals beside chance, a majority guess and published figures
    (under each protocol of the experiment), learning curves, confusion matrices,
    scores per class and speaker, clips answered right and wrong, the audit, cost, and the configuration.

    Args:
        folder: of a finished run.

    Returns:
        The page's path.

    Raises:
        UserError: the run is not finished, or what it left is damaged.
    """
    config = load_config(folder)
    metrics = load_metrics(folder)
    history = load_history(folder)
    predictions = pd.read_parquet(folder / names.PREDICTIONS)
    audit = load_audit(folder)
    chosen, division = config.main_metrics(), load_division(part_folders(folder)[0])
    environment = Environment(
        loader=PackageLoader("mtl_tf", "reporting"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"percent": percent, "metric_title": metric_title}
    page = environment.get_template("report.html.j2").render(
        config=config,
        metrics=metrics,
        parts=metrics.get("folds", metrics.get("repeats", [])),
        main_metrics=chosen,
        alone=scores_alone(folder, config),
        machines=machine_scores(folder, config),
        of_classes={task: scores for task, scores in metrics["test"].items() if "accuracy" in scores},
        of_events={task: scores for task, scores in metrics["test"].items() if "frame_f1" in scores},
        of_tags={task: scores for task, scores in metrics["test"].items() if "map" in scores},
        corpora={name: open_corpus(name, corpus) for name, corpus in config.corpora.items()},
        used=division["corpus"][division["split"] != UNUSED].value_counts().to_dict(),
        counts=_clip_counts(folder, predictions),
        known_speakers=known_speakers(folder),
        published=compare_published(folder, config, metrics),
        score_bars=_inline(figures.score_bars(metrics["test"], chosen)),
        curves=_inline(figures.learning_curves(history, chosen)),
        confusions={
            task: _inline(figures.confusion_matrix(scores["confusion"], scores["classes"], task))
            for task, scores in metrics["test"].items()
            if "confusion" in scores
        },
        precision_recall={
            task: _inline(precision_recall(predictions[predictions["task"] == task], scores["classes"], task))
            for task, scores in metrics["test"].items()
            if ("map" in scores or "frame_f1" in scores) and "classes" in scores
        },
        descriptions={
            task: describe_scores(scores) for task, scores in metrics["test"].items() if "confusion" in scores
        },
        fitting=describe_fitting(history, chosen, metrics["clips"]["validation"]),
        thresholds=check_thresholds(load_thresholds(folder), predictions),
        speakers=telling_speakers(load_speakers(folder), metrics["test"]),
        examples=_examples(folder, config),
        notes=metrics["notes"],
        weights=describe_weights(metrics["task_weights"]),
        intervals={
            task: describe_interval(scores, group_name(config, task)) for task, scores in metrics["test"].items()
        },
        class_counts=class_counts(division, config.trained_tasks),
        audit=audit,
        audit_rows=audit.head(MAX_AUDIT_ROWS).itertuples(),
        environment=json.loads((folder / names.ENVIRONMENT).read_text(encoding="utf-8")),
        configuration=yaml.safe_dump(config.model_dump(), sort_keys=False, allow_unicode=True),
        run=folder,
    )
    path = folder / names.REPORT
    write_whole(path, page.encode(errors="backslashreplace"))
    return path


def _inline(content: bytes, media: str = "image/png") -> str:
    return f"data:{media};base64,{base64.b64encode(content).decode()}"


def _clip_counts(folder: Path, predictions: pd.DataFrame) -> dict[str, int]:
    """Counts test clips per corpus."""
    return predictions.drop_duplicates("clip_id")["corpus"].value_counts().to_dict()


def known_speakers(folder: Path) -> dict[str, tuple[int, int]]:
    """Counts how many test clips are of speakers that were in training, since those are the easier ones.

    Args:
        folder: of a finished run.

    Returns:
        Task to the number of such clips and of all its test clips whose speaker has a name, over all folds; no entry
        for tasks whose clips have none.
    """
    counts: dict[str, tuple[int, int]] = {}
    places = part_folders(folder)
    for place in places[:1] if places[0].parent.name == "repeats" else places:
        division = load_division(place)
        training = division[division["split"] == TRAIN]
        trained = set(zip(training["corpus"], training["speaker"], strict=True))
        predictions = pd.read_parquet(place / names.PREDICTIONS).dropna(subset="speaker")
        for task, rows in predictions.groupby("task", sort=False):
            heard = sum(speaker in trained for speaker in zip(rows["corpus"], rows["speaker"], strict=True))
            before = counts.get(str(task), (0, 0))
            counts[str(task)] = (before[0] + heard, before[1] + len(rows))
    return counts


def _examples(folder: Path, config: RunConfig) -> dict[str, list[dict[str, Any]]]:
    """Shows example clips of every task and what its head attends to: of all folds, of the first of repeats.

    Returns:
        Task to clips, each with `right`, `answer`, `probability`, `file`, `features` and `attention` (pictures), and
        `sound`; the last two are None where there is none.
    """
    first = part_folders(folder)[0]
    folds = first.parent.name == names.PARTS[0]
    predictions = pd.read_parquet((folder if folds else first) / names.PREDICTIONS)
    models = {}  # by the folder they lie in; each fold has its own
    roots = {
        name: open_corpus(name, corpus).root(config.data_root, Path(config.prepared_dir))
        for name, corpus in config.corpora.items()
    }
    crops = {name: corpus.crop_s for name, corpus in config.corpora.items()}
    shown: dict[str, list[dict[str, Any]]] = {}
    for task in config.trained_tasks:
        of_frames = config.tasks[task].of_frames
        rows = choose_examples(predictions, task, of_frames)
        shown[task] = []
        clips = load_examples(config.frontend.sample_rate, rows, roots, crops)
        for row, clip in zip(rows.itertuples(), clips, strict=True):
            place = folder / names.PARTS[0] / str(row.fold) if folds else first
            if place not in models:
                models[place] = load_model(place)
            model = models[place]
            frontend = model.get_layer("frontend")
            features = np.asarray(frontend(clip[None])[0])[0]
            right, sound, attention = row.label == row.predicted, None, None
            if has_attention(model, task):
                attention = _inline(figures.clip_attention(attention_weights(model, clip, task)))
            if config.report_audio:
                media, content = playable(clip, frontend.sample_rate)
                sound = _inline(content, media)
            if of_frames:
                events = [timed_events(text) for text in (row.label, row.predicted)]
                duration_s = len(clip) / frontend.sample_rate
                picture = event_roll(features, frontend.frame_period_s, *events, duration_s, frontend.frequencies_hz)
                words, right = "steps answered as annotated", True
            else:
                picture = figures.clip_features(features, frontend.frame_period_s, frontend.frequencies_hz)
                words = f"right: {row.label or NONE}"
                if not right:
                    words = f"WRONG: {row.label or NONE}, answered {row.predicted or NONE}"
            shown[task].append(
                {
                    "right": right,
                    "answer": words,
                    "probability": row.probability,
                    "file": "/".join(Path(row.path).parts[-2:]),
                    "features": _inline(picture),
                    "attention": attention,
                    "sound": sound,
                }
            )
    return shown
