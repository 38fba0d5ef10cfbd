"""Opens a finished run: configuration, model, classes."""

import json
from pathlib import Path

import keras

from mtl_tf import compose
from mtl_tf.config import RunConfig
from mtl_tf.errors import UserError
from mtl_tf.frontends import build as frontends  # noqa: F401 registers the layers a model is loaded with
from mtl_tf.models import build  # noqa: F401
from mtl_tf.training import metrics  # noqa: F401


def load_config(folder: Path) -> RunConfig:
    """Reads the configuration of a run, or of the run that a fold's folder belongs to.

    Raises:
        UserError: there is none.
    """
    above = folder.resolve().parent.parent
    if not (folder / "config.yaml").is_file() and folder.resolve().parent.name == "folds":
        return compose.load(above / "config.yaml").model_copy(update={"fold": int(folder.resolve().name)})
    return compose.load(folder / "config.yaml")


def longest_clip(config: RunConfig) -> int | None:
    """Returns how many samples of a clip a run uses, if its corpora share one limit (`crop_s`); None: all of it."""
    limits = {corpus.crop_s for corpus in config.corpora.values()}
    limit = limits.pop() if len(limits) == 1 else None
    return None if limit is None else round(limit * config.frontend.sample_rate)


def load_model(folder: Path) -> keras.Model:
    """Loads `model.keras` of a run.

    Raises:
        UserError: it is missing (a cross-validation keeps one per fold) or damaged.
    """
    path = folder / "model.keras"
    if not path.is_file():
        folds = folder / "folds"
        hint = f"choose one of its folds, such as {folds / '0'}" if folds.is_dir() else "has the run finished?"
        raise UserError(f"{path} is missing; {hint}")
    try:
        return keras.models.load_model(path, compile=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be loaded: {error}") from error


def load_classes(folder: Path) -> dict[str, list[str]]:
    """Reads the class names of every task of a run."""
    path = folder / "classes.json"
    if not path.is_file():
        raise UserError(f"{path} is missing; is {folder} the folder of a run?")
    return json.loads(path.read_text(encoding="utf-8"))
