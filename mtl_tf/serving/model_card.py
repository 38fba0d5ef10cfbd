"""The page that says what a served model was trained on, how well it does and where it ends."""

import json
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from mtl_tf.config import RunConfig
from mtl_tf.corpora import get_corpus
from mtl_tf.evaluation.load_run import longest_clip

FILE = "model_card.md"


def model_card(
    run: Path, config: RunConfig, classes: dict[str, list[str]], name: str, version: int, others: list[dict]
) -> str:
    """Renders the card of a run's model.

    Args:
        run: its folder.
        config: of the run.
        classes: the class names of every task.
        name: of the model.
        version: its number.
        others: what `portable.write_portable` returned.
    """
    environment = Environment(
        loader=PackageLoader("mtl_tf", "serving"),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["percent"] = lambda value: f"{100 * value:.1f}"
    return environment.get_template(f"{FILE}.j2").render(
        name=name,
        version=version,
        others=others,
        config=config,
        classes=classes,
        longest=longest_clip(config),
        division=_division(config),
        metrics=json.loads((run / "metrics.json").read_text(encoding="utf-8")),
        corpora=[get_corpus(corpus.name) for corpus in config.corpora.values()],
        command=f"scripts/train.py experiment={config.experiment}",
        run=run,
    )


def _division(config: RunConfig) -> str:
    split = config.split
    apart = f", no {split.group} being in both" if split.group else ""
    return f"Training and test clips were divided by `{split.strategy}`{apart}."
