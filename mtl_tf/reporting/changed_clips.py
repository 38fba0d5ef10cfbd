"""A page that plays and draws clips as training hears them."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from mtl_tf.augment.augmentation import Augmentation
from mtl_tf.augment.build import build_augmentations
from mtl_tf.augment.mixing import Mixing
from mtl_tf.config import RunConfig
from mtl_tf.data.manifest import TRAIN
from mtl_tf.data.pipeline import pad_batch
from mtl_tf.errors import UserError
from mtl_tf.files import write_whole
from mtl_tf.frontends.build import build_frontend
from mtl_tf.reporting import figures
from mtl_tf.reporting.examples import playable
from mtl_tf.runs.walk import prepare

NUM_CLIPS, SHARE = 10, 0.7  # of a mixture is the clip itself


def write_changed_clips(config: RunConfig, path: Path) -> Path:
    """Writes an HTML page with ten training clips, as they are and as each augmentation of a run makes them.

    Args:
        config: of the run.
        path: of the page.

    Raises:
        UserError: the run changes no clips, or a mistake in configuration or data.
    """
    if not config.augment:
        raise UserError("this run changes no clips; give augment=[NAME,...]")
    ready = prepare(config)
    positions = ready.divisions[0].positions(TRAIN)
    keras.utils.set_random_seed(config.seed)
    chosen = np.random.default_rng(config.seed).choice(positions, min(NUM_CLIPS, len(positions)), replace=False)
    samples = [ready.source.samples(position) for position in chosen]
    waveform, length, _ = pad_batch(
        samples, np.zeros(len(samples)), round(config.pipeline.clip_s * ready.source.sample_rate)
    )
    frontend = build_frontend(config.frontend.name, config.options("frontend"))
    frontend(waveform, length)
    if frontend.is_fitted:
        raw, mask = (np.asarray(values) for values in frontend.raw(waveform, length))
        frontend.set_statistics(raw[mask].mean(axis=0), raw[mask].std(axis=0))
    names = ready.data.manifest["clip_id"].to_numpy(object)[chosen]
    rows = [{"name": name, "versions": []} for name in names]
    _add(rows, "as it is", frontend, waveform, length)
    for layer in build_augmentations(config.augment_options(), **frontend.traits):
        layer.prob = 1.0
        _add(rows, layer.name.removeprefix("augment_"), frontend, waveform, length, [layer])
    environment = Environment(loader=PackageLoader("mtl_tf.reporting", "."), autoescape=True, undefined=StrictUndefined)
    page = environment.get_template("changed_clips.html.j2").render(config=config, rows=rows, share=SHARE)
    write_whole(path, page.encode())
    return path


def _add(
    rows: list[dict[str, Any]],
    title: str,
    frontend: keras.layers.Layer,
    waveform: np.ndarray,
    length: np.ndarray,
    layers: Sequence[Augmentation | Mixing] = (),
) -> None:
    """Adds what becomes of each clip: a sound, unless only features are changed, and a picture."""
    heard, valid = waveform, length
    for layer in layers:
        if not layer.on_features:
            heard, valid = _changed(layer, heard, valid)
    features, mask = frontend(heard, valid)
    for layer in layers:
        if layer.on_features:
            features, mask = _changed(layer, features, mask)
    audible = not any(layer.on_features for layer in layers)
    features, mask = np.asarray(features), np.asarray(mask)
    for number, row in enumerate(rows):
        sound = None
        if audible:
            media, content = playable(np.asarray(heard[number])[: int(valid[number])], frontend.sample_rate)
            sound = f"data:{media};base64,{base64.b64encode(content).decode()}"
        own = features[number][mask[number]]
        limits = row.setdefault("limits", (float(own.min()), float(own.max())))  # of the clip as it is, the first
        drawn = figures.clip_features(own, frontend.frame_period_s, frontend.frequencies_hz, limits)
        picture = f"data:image/png;base64,{base64.b64encode(drawn).decode()}"
        row["versions"].append({"title": title, "sound": sound, "picture": picture})


def _changed(layer: Augmentation | Mixing, values, valid) -> tuple:
    if isinstance(layer, Mixing):
        partner = np.roll(np.arange(len(values)), 1).astype(np.int32)
        return layer(values, valid, partner, np.full(len(values), SHARE, np.float32))
    found = layer(values, valid, training=True)
    return (found[0], found[1]) if layer.moves_time else (found, valid)
