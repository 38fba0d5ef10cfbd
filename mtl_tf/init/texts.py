"""Writes corpus, task and experiment as short YAML, one section a line."""

from collections.abc import Sequence

from mtl_tf.config import CorpusConfig
from mtl_tf.init.propose import ProposedTask
from mtl_tf.values import as_typed

DEFAULT_MODEL = "residual_cnn"  # of configs/run.yaml


def corpus_text(name: str, options: CorpusConfig) -> str:
    """Writes `corpus/NAME.yaml`."""
    given = options.model_dump(exclude_unset=True)
    return f"# @package corpora.{name}\n" + "".join(f"{key}: {as_typed(value)}\n" for key, value in given.items())


def task_text(task: ProposedTask, corpus: str) -> str:
    """Writes `task/TASK.yaml`."""
    labels: dict[str, object] = {"column": task.column}
    labels |= {"map": task.spellings} if task.spellings else {}
    labels |= {"separator": task.separator} if task.separator else {}
    lines = [f"# @package tasks.{task.name}"]
    if task.of_frames:
        lines += ["kind: frame_multi_label", "median_filter_s: 0.2"]
    elif task.separator:
        lines.append("kind: multi_label")
    lines.append("closed_set: true" if task.classes is None else f"classes: {as_typed(list(task.classes))}")
    return "\n".join([*lines, f"labels: {as_typed({corpus: labels})}"]) + "\n"


def experiment_text(
    name: str, options: CorpusConfig, tasks: Sequence[ProposedTask], model: str, keys: dict[str, object]
) -> str:
    """Writes `experiment/NAME.yaml`."""
    chosen = ", ".join(task.name for task in tasks)
    lines = ["# @package _global_", f"# Proposed by scripts/init.py for {options.path}", "defaults:"]
    lines += [f"  - override /corpus: [{name}]", f"  - override /task: [{chosen}]"]
    lines += [f"  - override /model: {model}"] * (model != DEFAULT_MODEL)
    return "\n".join([*lines, *(f"{key}: {as_typed(value)}" for key, value in keys.items())]) + "\n"
