"""The page that says what a served model was trained on, how well it does and where it ends."""

import json
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from mtl_tf.config import RunConfig
from mtl_tf.corpora import open_corpus
from mtl_tf.runs.names import ENVIRONMENT
from mtl_tf.runs.read import find_models, load_decisions, load_metrics, load_thresholds, longest_clip

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
    metrics = load_metrics(run)
    environment = Environment(
        loader=PackageLoader("mtl_tf", "serving"),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["percent"] = lambda value: "-" if value is None else f"{100 * value:.1f}"
    return environment.get_template(f"{FILE}.j2").render(
        name=name,
        version=version,
        others=others,
        config=config,
        classes=classes,
        longest=longest_clip(config),
        division=_division(config),
        thresholds={task: entries for task, entries in load_thresholds(run).items() if entries},
        metrics=metrics,
        networks=len(find_models(run)),
        of_classes={task: scores for task, scores in metrics["test"].items() if "accuracy" in scores},
        of_tags={task: scores for task, scores in metrics["test"].items() if "map" in scores},
        events={task: scores for task, scores in metrics["test"].items() if "frame_f1" in scores},
        decisions=load_decisions(run),
        corpora=[open_corpus(name, corpus) for name, corpus in config.corpora.items()],
        command=_command(run),
        run=run,
    )


def _division(config: RunConfig) -> str:
    """Says how test clips were set apart; people are named apart only for tasks that are not about who they are."""
    ways = {
        "predefined": "Test clips are those that the corpora set apart in advance.",
        "random": "Test clips are a random part of all clips: their speakers may be in training.",
        "k_fold": "Test clips are a random part of all clips: their speakers may be in training.",
    }
    text = ways.get(config.split.strategy, f"No test clip's {config.split.group} is in training.")
    known = [f"`{name}`" for name, task in config.trained_tasks.items() if task.closed_set]
    if known:
        text += f" {', '.join(known)} can only be asked about people in training: it is scored on other clips of them."
    return text


def _command(run: Path) -> str:
    path = run / ENVIRONMENT
    return json.loads(path.read_text(encoding="utf-8")).get("command", "") if path.is_file() else ""
