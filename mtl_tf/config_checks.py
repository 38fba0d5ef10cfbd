"""What the schema cannot say of a configuration: whether its keys fit each other."""

import re
from collections.abc import Collection

import yaml

from mtl_tf.config import RunConfig
from mtl_tf.config_files import CONFIG_DIR, choices, shipped_choices, shipped_options
from mtl_tf.errors import UserError, nearest_hint
from mtl_tf.tasks.metrics import TRACKED, metrics_of

# Inputs, layers and outputs of models, and the beginning of the names of layers that change clips.
RESERVED = (
    "waveform",
    "length",
    "mean",
    "deviation",
    "partner",
    "share",
    "augment",
    "frontend",
    "trunk",
    "embedding",
    "start_s",
)


def check_augment_keys(entries: dict) -> None:
    """Refuses keys that a layer does not take.

    Args:
        entries: `augment` of a run, as plain values.

    Raises:
        UserError: names the first of them.
    """
    for name, values in entries.items():
        if not isinstance(values, dict):
            raise UserError(f"augment.{name}={values}: give keys of it one by one, as in augment.{name}.prob=0.5")
        if "name" not in values:
            continue  # the schema says that it was not chosen
        known = shipped_choices("augment")
        if values["name"] not in known:
            raise UserError(f"augment.{name}.name is {values['name']!r}.{nearest_hint(str(values['name']), known)}")
        keys = shipped_options("augment", values["name"])
        for key in values.keys() - keys:
            full = [f"augment.{name}.{known}" for known in keys]
            raise UserError(f"unknown key augment.{name}.{key}.{nearest_hint(f'augment.{name}.{key}', full)}")


def check_division(config: RunConfig, typed: Collection[str]) -> None:
    """Refuses a protocol that an experiment does not have, and keys of a division that no corpus of the run uses.

    Args:
        config: of the run.
        typed: keys that the user gave.

    Raises:
        UserError: says what to give.
    """
    _check_protocol(config)
    _check_split(config, typed)


def _check_protocol(config: RunConfig) -> None:
    if config.protocol is None or config.protocol not in choices("protocol"):
        return
    if config.protocol not in config.protocols:
        raise UserError(
            f"experiment {config.experiment} has no protocol {config.protocol}; "
            + (f"give {' or '.join(config.protocols)}" if config.protocols else "leave protocol= away")
        )
    chosen = yaml.safe_load((CONFIG_DIR / "protocol" / f"{config.protocol}.yaml").read_text(encoding="utf-8"))
    if chosen["split"]["strategy"] != config.split.strategy:
        raise UserError(
            f"experiment {config.experiment} fixes its own division; protocol={config.protocol} cannot be had"
        )


def _check_split(config: RunConfig, typed: Collection[str]) -> None:
    keys = [key for key in typed if key.startswith("split.") and not key.startswith(("split.scored", "split.trained"))]
    if keys and all(corpus.split is not None for corpus in config.corpora.values()):
        name = next(iter(config.corpora))
        raise UserError(f"{keys[0]}: each corpus of this run has a division of its own; give corpora.{name}.{keys[0]}")


def check_references(config: RunConfig) -> None:
    """Refuses names that stand for nothing in the run, and keys that exclude each other.

    Raises:
        UserError: names the first of them.
    """
    for name, task in config.tasks.items():
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or name in RESERVED:
            raise UserError(
                f"task {name!r}: names are letters, digits and '_', begin with a letter, and are none of "
                f"{', '.join(RESERVED)}"
            )
        if len(set(task.classes or ())) < len(task.classes or ()):
            raise UserError(f"tasks.{name}.classes={task.classes} names a class twice")
        if not set(task.labels) & set(config.corpora):
            raise UserError(
                f"task {name} has labels in {', '.join(task.labels)}, none of which is a corpus of this run "
                f"({', '.join(config.corpora)})"
            )
    for key in ("scored_corpora", "trained_corpora"):
        foreign = [name for name in getattr(config.split, key) if name not in config.corpora]
        if foreign:
            raise UserError(f"split.{key} names {foreign[0]}; the run's corpora are {', '.join(config.corpora)}")
    for key, given in (("only_tasks", config.only_tasks), ("study.tasks", config.study.tasks)):
        for name in given:
            if name not in config.tasks:
                raise UserError(f"{key} names the task {name}.{nearest_hint(name, config.tasks)}")
    layers = [entry.name for entry in config.augment.values()]
    for name, entry in config.augment.items():
        if layers.count(entry.name) > 1:
            raise UserError(f"augment.{name} is {entry.name}, and another is, too; give one of them")
    for name in config.training.loss_weights:
        if name not in config.tasks and name not in choices("task"):
            raise UserError(f"training.loss_weights names the task {name}.{nearest_hint(name, config.tasks)}")
    if config.training.jit_compile and config.training.deterministic:
        raise UserError("training.jit_compile=true needs training.deterministic=false: XLA gives no such promise")
    if config.training.monitor == "last" and config.training.early_stopping_patience:
        raise UserError("training.monitor=last has no score to stop by; give training.early_stopping_patience=null")
    task, _, metric = config.training.monitor.partition(".")
    asked = config.tasks.get(task)
    tracked = TRACKED if asked is None else metrics_of(TRACKED, asked.exclusive, asked.of_frames)
    if config.training.monitor not in ("mean", "loss", "last") and (
        task not in config.trained_tasks or metric not in tracked
    ):
        raise UserError(
            f"training.monitor={config.training.monitor}: give mean, loss, last, or one of "
            f"{', '.join(config.trained_tasks)} with "
            f".{', .'.join(tracked)}"
        )
