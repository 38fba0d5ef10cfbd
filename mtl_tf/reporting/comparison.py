"""Our scores beside the published ones, under every protocol of an experiment."""

from pathlib import Path

from mtl_tf.config import PublishedConfig, RunConfig
from mtl_tf.errors import UserError
from mtl_tf.runs.names import METRICS
from mtl_tf.runs.read import load_config, load_division, load_metrics, part_folders

# What two runs may differ in and still be the same experiment under two protocols.
_FREE = {"protocol", "split", "resume", "quiet", "study"}


def runs_by_protocol(folder: Path, config: RunConfig) -> dict[str, Path]:
    """Finds the finished runs on the same clips that differ from one in nothing but the protocol.

    Args:
        folder: of the run.
        config: of the run.

    Returns:
        Protocol to the latest such run, the given one for its own; empty where the experiment has no protocols.
    """
    if config.protocol is None:
        return {}
    found = {config.protocol: folder}
    wanted = config.model_dump(exclude=_FREE)
    for path in sorted(folder.resolve().parent.glob(f"*/{METRICS}"), reverse=True):
        try:
            other = load_config(path.parent)
        except UserError:
            continue
        same = other.protocol not in (None, *found) and other.model_dump(exclude=_FREE) == wanted
        if same and _audio(path.parent) == _audio(folder):
            found[other.protocol] = path.parent
    return found


def _audio(folder: Path) -> set[tuple[str, str]]:
    """Lists the clips of a run with the digests of their audio: runs on other data are no comparison."""
    division = load_division(part_folders(folder)[0])
    return set(zip(division.index, division["audio_sha1"], strict=True))


def compare_published(folder: Path, config: RunConfig, metrics: dict) -> list[dict[str, object]]:
    """Puts every published figure of a run beside ours.

    Args:
        folder: of the run.
        config: of the run.
        metrics: its `metrics.json`.

    Returns:
        Per figure: `figure`; `interval` (95 %, normal approximation, None where the number of clips is not known);
        `results`, protocol to `value`, `deviation`, `interval`, `uar`, `uar_interval`, `n`, or to None where the
        protocol has not been run.
    """
    runs = runs_by_protocol(folder, config)
    names = [config.protocol] if config.protocol else ["this run"]
    names += [name for name in config.protocols if name != config.protocol]
    scores = {name: _read(runs[name]) for name in names[1:] if name in runs} | {names[0]: metrics}
    return [
        {
            "figure": entry,
            "interval": _published_interval(entry),
            "results": {name: _result(scores[name], entry) if name in scores else None for name in names},
        }
        for entry in config.published
    ]


def _read(folder: Path) -> dict:
    return load_metrics(folder)


def _result(metrics: dict, entry: PublishedConfig) -> dict[str, object]:
    scores = metrics["test"].get(entry.task, {})
    best = scores.get("best") if entry.statistic == "best" else None
    return {
        "value": (best or scores).get(entry.metric),
        "deviation": None if best else scores.get(f"{entry.metric}_std"),
        "interval": scores.get(f"{entry.metric}_interval"),
        "uar": scores.get("uar"),
        "uar_interval": scores.get("uar_interval"),
        "n": scores.get("n"),
    }


def _published_interval(entry: PublishedConfig) -> list[float] | None:
    if entry.n is None:
        return None
    margin = 1.96 * (entry.value * (1 - entry.value) / entry.n) ** 0.5
    return [entry.value - margin, entry.value + margin]
