"""Scores a finished run again from its model and its division."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from mtl_tf.data.assemble import assemble, used_duration_s
from mtl_tf.data.clip_source import ClipSource, decoder_of
from mtl_tf.data.manifest import TEST, TRAIN
from mtl_tf.errors import UserError
from mtl_tf.evaluation.event_scores import score_events
from mtl_tf.evaluation.events import clip_events
from mtl_tf.evaluation.predict import answer_columns, event_columns, predict_clips
from mtl_tf.evaluation.scores import majority_scores, score_groups, score_task
from mtl_tf.evaluation.tags import score_tags
from mtl_tf.files import write_json
from mtl_tf.models.steps import steps_of
from mtl_tf.runs import names
from mtl_tf.runs.load_model import load_model
from mtl_tf.runs.merge import merge_scores
from mtl_tf.runs.read import load_classes, load_config, load_decisions, load_division, part_folders
from mtl_tf.tables import write_table
from mtl_tf.tasks.labels import class_names, index_labels, task_of
from mtl_tf.training.group_statistics import fit_group_statistics


def evaluate_run(folder: Path, data_root: str | None = None) -> dict[str, dict[str, object]]:
    """Scores the clips that `splits.parquet` says are test clips, with labels mapped anew from the corpus.

    Writes `evaluation.json` and `speakers.csv`; of several folds or repeats, each one's and those of the whole.

    Args:
        folder: of a run, or of one fold or repeat.
        data_root: where the corpora are now, if elsewhere than in training.

    Returns:
        Task to its scores; of several folds or repeats, put together as `merge_parts` does.

    Raises:
        UserError: the run is not finished, or clips it was tested on are no longer there.
    """
    places = part_folders(folder)
    results, answers = zip(*(_evaluate_part(place, data_root) for place in places), strict=True)
    if places == [folder]:
        return results[0]
    kind = places[0].parent.name.removesuffix("s")
    numbers = [int(place.name) for place in places]
    every = pd.concat([answer.assign(**{kind: number}) for answer, number in zip(answers, numbers, strict=True)])
    merged = merge_scores(list(results), every, kind)
    parts = [{kind: number, "test": result} for number, result in zip(numbers, results, strict=True)]
    write_json({"test": merged, f"{kind}s": parts}, folder / names.EVALUATION)
    write_table(score_groups(every), folder / names.SPEAKERS)
    return merged


def _evaluate_part(folder: Path, data_root: str | None) -> tuple[dict[str, dict[str, object]], pd.DataFrame]:
    config, model, classes = load_config(folder), load_model(folder), load_classes(folder)
    decisions = load_decisions(folder)
    if data_root is not None:
        config = config.model_copy(update={"data_root": data_root})
    data = assemble(config, model.get_layer("frontend").min_samples)
    sample_rate = config.frontend.sample_rate
    manifest = data.manifest.assign(decoder=decoder_of(data.manifest, config.pipeline, sample_rate))
    division = load_division(folder)
    missing = division.index[division["split"] == TEST].difference(pd.Index(manifest["clip_id"]))
    if len(missing):
        raise UserError(f"{len(missing)} test clips of {folder} are no longer there, such as {missing[0]}")
    division = division.reindex(manifest["clip_id"])
    manifest = manifest.assign(group=division["group"].to_numpy(object))
    parts = division["split"].to_numpy(object)
    positions = np.flatnonzero(parts == TEST)
    changed = (division["audio_sha1"].to_numpy(object) != manifest["audio_sha1"].to_numpy(object))[positions]
    if changed.any():
        first = manifest["clip_id"].iloc[positions[changed][0]]
        print(f"note: {changed.sum()} test clips hold other audio than in training, such as {first}", file=sys.stderr)
    source = ClipSource.from_manifest(
        manifest, data.roots, {name: item.crop_s for name, item in config.corpora.items()}, sample_rate
    )
    tasks = {name: task_of(name, options, classes[name]) for name, options in config.trained_tasks.items()}
    steps = steps_of(model, tasks)
    fit_group_statistics(config, manifest, source)
    probabilities = predict_clips(model, source, positions, config.pipeline, config.training.steps_per_execution, steps)
    results, answers = {}, []
    for name, options in config.trained_tasks.items():
        task = tasks[name]
        labels = index_labels(
            task, class_names(name, options, manifest), parts == TRAIN, used_duration_s(manifest, config)
        )
        scored = task.is_labelled((labels.known if task.of_frames else labels)[positions])
        if not task.closed_set:
            scored &= ~division["closed_set_only"].to_numpy(bool)[positions]
        rows, values = positions[scored], probabilities[name][scored]
        groups = manifest["clip_id" if task.closed_set else "group"].to_numpy(object)[rows]
        answer = manifest.loc[rows, ["corpus", "speaker"]].assign(task=name, group=groups)
        if task.of_frames:
            own = decisions.get(name, {})
            clips = clip_events(labels, rows, values, own, steps)
            results[name] = score_events(clips, task, own, groups)
            answers.append(answer.assign(**event_columns(clips)))
            continue
        truth = labels[rows]
        if task.exclusive:
            guess = majority_scores(labels[(parts == TRAIN) & (labels >= 0)], truth)
            results[name] = score_task(truth, values, task.classes, groups) | {"majority": guess}
        else:
            results[name] = score_tags(truth, values, task.classes, decisions.get(name, {}), groups)
        answers.append(answer.assign(**answer_columns(task, truth, values, decisions), probabilities=list(values)))
    write_json({"test": results}, folder / names.EVALUATION)
    write_table(score_groups(pd.concat(answers)), folder / names.SPEAKERS)
    return results, pd.concat(answers)
