"""Fits support vector machines with scikit-learn and puts them into a Keras model."""

import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from sklearn.metrics import f1_score, log_loss, recall_score
from sklearn.svm import SVC

from mtl_tf.config import RunConfig
from mtl_tf.data.assemble import FoldData
from mtl_tf.data.clip_source import ClipSource
from mtl_tf.data.manifest import TRAIN, VALIDATION
from mtl_tf.data.mapping import map_clips
from mtl_tf.frontends.build import build_frontend
from mtl_tf.models.build import answer, build_model, build_trunk
from mtl_tf.models.svm import SupportVectors
from mtl_tf.runs import names
from mtl_tf.tables import write_table
from mtl_tf.training.checkpoint import save_model
from mtl_tf.training.fit import TrainedModel, announce, fit_normalization, seed_everything


def train_svm(config: RunConfig, fold: FoldData, source: ClipSource, folder: Path) -> TrainedModel:
    """Fits one machine per class and task on the training clips; epochs and checkpoints have no part in it.

    Args:
        config: of the run, with `model=svm`.
        fold: division, labels and weights.
        source: samples of all clips.
        folder: `history.csv`, `model.keras` and `last.keras` go there.

    Raises:
        UserError: a clip cannot be read.
    """
    start = time.perf_counter()
    seed_everything(config.seed, config.training)
    positions = fold.positions(TRAIN)
    model = build_model(
        build_frontend(config.frontend.name, config.options("frontend")),
        build_trunk(config.model.name, config.options("model") | {"num_vectors": len(positions)}),
        fold.tasks,
    )
    if not config.quiet:
        announce(
            config,
            fold,
            "support vector machines, fitted at once, without epochs, optimizer, augmentation and draw_evenly",
        )
    frontend, trunk = model.get_layer("frontend"), model.get_layer("trunk")
    fit_normalization(frontend, source, positions, config)
    values = map_clips(lambda inputs: trunk.summarise(*frontend(**inputs)), source, positions, config.pipeline)
    gamma = trunk.gamma or 1.0 / (values.shape[1] * values.var())
    trunk.vectors.assign(values)
    trunk.kernel_gamma.assign(gamma)
    for name, task in fold.tasks.items():
        rows = np.flatnonzero(fold.weights[name][positions] > 0)
        labels = fold.labels[name][positions[rows]]
        weights, offsets = one_against_rest(trunk, values[rows], labels, task.num_classes, gamma)
        kernel = np.zeros((len(positions), task.num_classes), np.float32)
        kernel[rows] = weights
        model.get_layer(name).set_weights([kernel, offsets])
    history = {"epoch": 0, "score": float("nan"), **_scores(model, source, fold, config)}
    history["seconds"] = time.perf_counter() - start
    write_table(pd.DataFrame([history]), folder / names.HISTORY)
    for name in (names.LAST_MODEL, names.MODEL):
        save_model(model, folder / name)
    return TrainedModel(model, [history], len(positions))


def one_against_rest(
    trunk: SupportVectors, values: np.ndarray, labels: np.ndarray, num_classes: int, gamma: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fits a machine for each class that occurs.

    Args:
        trunk: for penalty and class weights.
        values: float (clips, values).
        labels: int (clips,).
        num_classes: of the task.
        gamma: of the kernel.

    Returns:
        float32 (clips, classes), the weight of each clip in each class's decision, and float32 (classes,) offsets; a
        class that does not occur is never chosen.
    """
    weights = np.zeros((len(values), num_classes), np.float32)
    offsets = np.full(num_classes, -1e3, np.float32)
    balance = None if trunk.class_weight == "none" else trunk.class_weight
    linear = trunk.kernel == "linear"
    known = gamma * values.astype(np.float64) @ values.T if linear else values  # once for all classes
    for number in np.unique(labels):
        machine = SVC(C=trunk.c, kernel="precomputed" if linear else "rbf", gamma=gamma, class_weight=balance).fit(
            known, labels == number
        )
        weights[machine.support_, number] = machine.dual_coef_[0]
        offsets[number] = machine.intercept_[0]
    return weights, offsets


def _scores(model: keras.Model, source: ClipSource, fold: FoldData, config: RunConfig) -> dict[str, float]:
    """Scores training and validation clips under the names a trained network's history has."""
    scores = {}
    for part, prefix in ((TRAIN, ""), (VALIDATION, "val_")):
        positions = fold.positions(part)
        if not len(positions):
            continue
        probabilities = map_clips(lambda inputs: answer(model, **inputs), source, positions, config.pipeline)
        losses = []
        for name, task in fold.tasks.items():
            scored = fold.weights[name][positions] > 0
            if not scored.any():
                continue
            labels, values = fold.labels[name][positions[scored]], probabilities[name][scored].astype(np.float64)
            values /= values.sum(axis=1, keepdims=True)
            losses.append(log_loss(labels, values, labels=np.arange(task.num_classes)))
            answers = values.argmax(axis=1)
            scores[f"{prefix}{name}_accuracy"] = float((answers == labels).mean())
            for metric, score in (("uar", recall_score), ("macro_f1", f1_score)):
                value = score(labels, answers, labels=np.unique(labels), average="macro", zero_division=0)
                scores[f"{prefix}{name}_{metric}"] = float(value)
        scores[f"{prefix}loss"] = float(np.sum(losses))
    return scores
