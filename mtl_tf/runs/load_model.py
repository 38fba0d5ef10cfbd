"""Loads the model of a finished run."""

from pathlib import Path
from zipfile import BadZipFile, is_zipfile

import keras

from mtl_tf.errors import UserError
from mtl_tf.frontends import build as frontends  # noqa: F401 registers the layers a model is loaded with
from mtl_tf.models import build  # noqa: F401
from mtl_tf.runs.read import find_model
from mtl_tf.training import metrics  # noqa: F401


def load_model(folder: Path) -> keras.Model:
    """Loads `model.keras` of a run.

    Raises:
        UserError: it is missing, see `find_model`, or damaged.
    """
    path = find_model(folder)
    try:
        model = keras.models.load_model(path, compile=False)
    except (OSError, ValueError, BadZipFile) as error:
        reason = error if is_zipfile(path) else "it is damaged or cut short"
        raise UserError(f"{path} cannot be loaded: {reason}") from error
    if not isinstance(model.input, dict):
        raise UserError(f"{path} is not told the length of its clips, as an earlier mtl_tf wrote it; train it anew")
    return model
