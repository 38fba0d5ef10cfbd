"""Scores a finished run again from its model and its division."""

from pathlib import Path

import numpy as np
import pandas as pd

from mtl_tf.data.assemble import assemble
from mtl_tf.data.clip_source import ClipSource, decoder_of
from mtl_tf.data.manifest import write_table
from mtl_tf.errors import UserError
from mtl_tf.evaluation.cross_validation import merge_scores
from mtl_tf.evaluation.load_run import load_model
from mtl_tf.evaluation.predict import predict_clips
from mtl_tf.evaluation.run_files import load_classes, load_config, load_division, part_folders
from mtl_tf.evaluation.scores import majority_scores, score_groups, score_task
from mtl_tf.tasks import class_names
from mtl_tf.training.run_folder import write_json

EVALUATION = "evaluation.json"


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
    merged = merge_scores(list(results), pd.concat(answers), kind)
    numbers = [int(place.name) for place in places]
    parts = [{kind: number, "test": result} for number, result in zip(numbers, results, strict=True)]
    write_json({"test": merged, f"{kind}s": parts}, folder / EVALUATION)
    write_table(score_groups(pd.concat(answers)), folder / "speakers.csv")
    return merged


def _evaluate_part(folder: Path, data_root: str | None) -> tuple[dict[str, dict[str, object]], pd.DataFrame]:
    config, model, classes = load_config(folder), load_model(folder), load_classes(folder)
    if data_root is not None:
        config = config.model_copy(update={"data_root": data_root})
    data = assemble(config)
    sample_rate = config.frontend.sample_rate
    manifest = data.manifest.assign(decoder=decoder_of(data.manifest, config.pipeline, sample_rate))
    division = load_division(folder)
    missing = division.index[division["split"] == "test"].difference(pd.Index(manifest["clip_id"]))
    if len(missing):
        raise UserError(f"{len(missing)} test clips of {folder} are no longer there, such as {missing[0]}")
    division = division.reindex(manifest["clip_id"])
    positions = np.flatnonzero((division["split"] == "test").to_numpy())
    source = ClipSource.from_manifest(
        manifest, data.roots, {name: item.crop_s for name, item in config.corpora.items()}, sample_rate
    )
    probabilities = predict_clips(model, source, positions, config.pipeline, config.training.steps_per_execution)
    results, answers = {}, []
    for name, task in config.tasks.items():
        index = {label: number for number, label in enumerate(classes[name])}
        labels = class_names(name, task, manifest).map(lambda label, index=index: index.get(label, -1)).to_numpy(int)
        scored = labels[positions] >= 0
        if not task.closed_set:
            scored &= ~division["closed_set_only"].to_numpy(bool)[positions]
        truth, values = labels[positions][scored], probabilities[name][scored]
        training = labels[((division["split"] == "train") & (labels >= 0)).to_numpy(bool)]
        results[name] = score_task(truth, values, tuple(classes[name])) | {"majority": majority_scores(training, truth)}
        answer = manifest.loc[positions[scored], ["corpus", "speaker"]].assign(task=name)
        names = np.array(classes[name])
        columns = {"label": names[truth], "predicted": names[values.argmax(axis=1)], "probabilities": list(values)}
        answers.append(answer.assign(**columns))
    write_json({"test": results}, folder / EVALUATION)
    write_table(score_groups(pd.concat(answers)), folder / "speakers.csv")
    return results, pd.concat(answers)
