"""One part of a run, a fold or a repeat: trained, asked for its answers, scored."""

from pathlib import Path

import numpy as np

from mtl_tf.config import RunConfig
from mtl_tf.data.assemble import FoldData, RunData
from mtl_tf.data.clip_source import ClipSource
from mtl_tf.data.manifest import TEST, TRAIN, VALIDATION
from mtl_tf.evaluation.lengths import clip_lengths
from mtl_tf.evaluation.predict import fold_decisions, predict_clips, score_fold, tabulate
from mtl_tf.evaluation.probe import embedding_variance
from mtl_tf.evaluation.scores import score_groups
from mtl_tf.evaluation.tags import Decisions
from mtl_tf.evaluation.thresholds import find_thresholds
from mtl_tf.files import write_json
from mtl_tf.models.build import count_parameters
from mtl_tf.models.steps import steps_of
from mtl_tf.progress import say
from mtl_tf.runs import names
from mtl_tf.runs.load_model import load_model
from mtl_tf.runs.memory import peak_mb
from mtl_tf.runs.teachers import find_teachers
from mtl_tf.tables import write_table
from mtl_tf.training.fit import train_fold
from mtl_tf.training.fit_svm import train_svm
from mtl_tf.training.group_statistics import fit_group_statistics


def carry_out_part(
    config: RunConfig, data: RunData, fold: FoldData, source: ClipSource, folder: Path, number: int
) -> None:
    """Trains one part of a run, answers its validation and test clips, and writes what came of it.

    Args:
        config: of the part, with the seed of its repeat.
        data: all clips of the run and their audit.
        fold: the division of the clips.
        source: samples of all clips.
        folder: of the part; the files of `mtl_tf.runs.names` are written there, the scores of `metrics.json` last.
        number: of the fold.

    Raises:
        UserError: a mistake in configuration or data.
        OSError: the disk is full; what was written before is intact.
    """
    write_json({name: list(task.classes) for name, task in fold.tasks.items()}, folder / names.CLASSES)
    write_json(clip_lengths(data, fold, config), folder / names.LENGTHS)
    taught = [f"taught by {', '.join(config.training.teachers)}"] if config.training.teachers else []
    length = config.pipeline.window_s
    cut = [f"the answer to a clip is the mean of those to windows of {length:g} s of it"] if length else []
    known = fit_group_statistics(config, data.manifest, source)
    if config.model.name == "svm":
        trained = train_svm(config, fold, source, folder)
    else:
        teachers = {str(place): load_model(place) for place in find_teachers(config, data, fold, number)}
        trained = train_fold(config, data, fold, source, folder, teachers)
    validation, together = fold.positions(VALIDATION), config.training.steps_per_execution
    decisions: dict[str, Decisions] = {}
    steps = steps_of(trained.model, fold.tasks)
    positions = fold.positions(TEST) if config.score_test else np.zeros(0, int)
    if len(positions):
        say(f"answering {len(positions)} test clips", config.quiet)
    # In one go, since to trace the model takes longer than a small network needs for the clips; test clips begin a
    # batch, and so are answered as they are alone.
    spare = -len(validation) % config.pipeline.batch_size if len(positions) else 0
    both = np.concatenate([validation, np.repeat(validation[-1:], spare), positions])
    clock: list[float] = []
    found = predict_clips(trained.model, source, both, config.pipeline, together, steps, clock) if len(both) else {}
    answers = {name: values[: len(validation)] for name, values in found.items()}
    probabilities = {name: values[len(validation) + spare :] for name, values in found.items()}
    if len(validation):
        write_json(find_thresholds(answers, validation, fold), folder / names.THRESHOLDS)
        decisions = fold_decisions(answers, validation, fold, steps)
        write_table(tabulate(answers, validation, data, fold, decisions, steps), folder / names.VALIDATION_ANSWERS)
    write_json(decisions, folder / names.DECISIONS)
    if not config.score_test:
        return
    predictions = tabulate(probabilities, positions, data, fold, decisions, steps)
    write_table(predictions, folder / names.PREDICTIONS)
    write_table(score_groups(predictions), folder / names.SPEAKERS)
    parts = {part: len(fold.positions(part)) for part in (TRAIN, VALIDATION, TEST)}
    decoders = data.manifest["decoder"].value_counts().to_dict()
    write_json(
        {
            "test": score_fold(probabilities, positions, fold, decisions, steps),
            "clips": parts
            | {
                "left_out": int(data.audit.loc[data.audit["left_out"], "clip_id"].nunique()),
                "unlabelled": fold.num_unlabelled(),
            },
            "task_weights": fold.task_weights,
            "notes": [*fold.notes, *known, *taught, *cut],
            "decoders": {name: int(count) for name, count in decoders.items()},
            "embedding_variance": embedding_variance(trained.model, source, positions, config.pipeline),
            "cost": {
                "parameters": count_parameters(trained.model),
                "train_seconds": trained.train_seconds(),
                "epochs": len(trained.history),
                "training_clips_per_second": trained.clips_per_epoch / trained.median_epoch_s(),
                "answer_ms": 1000 * clock[0] / len(both) if clock else None,
                "peak_memory_mb": peak_mb(),
            },
        },
        folder / names.METRICS,
    )
