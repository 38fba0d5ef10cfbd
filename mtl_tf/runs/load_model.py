"""Loads what a finished run answers with."""

from pathlib import Path
from zipfile import BadZipFile, is_zipfile

import keras

from mtl_tf.errors import UserError
from mtl_tf.frontends import build as frontends  # noqa: F401 registers the layers a model is loaded with
from mtl_tf.models import build  # noqa: F401
from mtl_tf.models.ensemble import ensemble_of
from mtl_tf.runs.read import find_models
from mtl_tf.training import metrics  # noqa: F401


def load_model(folder: Path) -> keras.Model:
    """Loads the model of a run; of a run with repeats, all of its networks as one, see `ensemble_of`.

    Raises:
        UserError: one is missing, see `find_models`, or damaged, or repeats have different classes.
    """
    models = [_load(path) for path in find_models(folder)]
    return models[0] if len(models) == 1 else ensemble_of(models)


def _load(path: Path) -> keras.Model:
    try:
        model = keras.models.load_model(path, compile=False)
    except (OSError, ValueError, BadZipFile) as error:
        reason = error if is_zipfile(path) else "it is damaged or cut short"
        raise UserError(f"{path} cannot be loaded: {reason}") from error
    if not isinstance(model.input, dict):
        raise UserError(f"{path} is not told the length of its clips, as an earlier mtl_tf wrote it; train it anew")
    return model
