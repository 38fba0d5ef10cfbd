"""What a session is asked to do: `configs/search/NAME.yaml`, and the command line over it."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import yaml
from pydantic import Field, PositiveFloat, PositiveInt, ValidationError

from mtl_tf.config import RunConfig, Section
from mtl_tf.config_files import GROUPS, choices, config_dirs, file_of
from mtl_tf.errors import UserError, nearest_hint, wrong_value
from mtl_tf.tasks.metrics import METRICS, TRACKED
from mtl_tf.values import as_typed

PREFIX = "search."
OBJECTIVES = "mean, TASK, TASK.METRIC, or weights of tasks such as {emotion: 2, speaker: 1}"


class SearchConfig(Section):
    """Everything that determines a search, beside the run it varies."""

    space: dict[str, Any] = Field(min_length=1, description="key of a run to what is tried")
    fixed: dict[str, Any] = Field(
        {}, description="keys of a run that every trial has, unless the command line sets them"
    )
    tuner: Literal["hyperband", "bayesian", "random", "grid"] = Field(
        "hyperband",
        description="keras-tuner's search: hyperband begins with few epochs and carries the best on; bayesian models "
        "the scores; random draws; grid goes through all (ten values of a range without step)",
    )
    objective: str | dict[str, float] = Field(
        "mean",
        description=f"validation score to raise: {OBJECTIVES}; mean is that of the tasks' main metrics",
    )
    relative_to: list[str] = Field(
        [],
        description="folders of single-task runs; what is raised then is the smallest gain over them, that is the task "
        "that loses most",
    )
    trials: PositiveInt = Field(20, description="trials at most, over all starts of the session")
    minutes: PositiveFloat | None = Field(None, description="no trial begins after so many minutes of trials")
    updates: PositiveInt | None = Field(None, description="no trial begins after so many training steps")
    executions_per_trial: PositiveInt = Field(1, description="runs of each trial, whose mean score counts")
    over: Literal["seeds", "folds"] = Field("seeds", description="what the runs of a trial differ in")
    factor: int = Field(3, ge=2, description="of hyperband: each round has so many times fewer trials and more epochs")
    search_seed: int = Field(0, ge=0, description="seed of the search; the runs have seed")


def search_names(arguments: Sequence[str] = ()) -> list[str]:
    """Lists the shipped search spaces and those of `config_dir`.

    Args:
        arguments: as typed.
    """
    return list(choices("search", config_dirs(arguments)))


def read_search(arguments: Sequence[str], keys: Sequence[str] = ()) -> tuple[SearchConfig, list[str], dict[str, str]]:
    """Divides the command line into the search, the arguments of every run, and further keys.

    Args:
        arguments: `search=NAME`, `search.KEY=WHAT` and `~search.KEY` for the space, the keys of `SearchConfig`, and
            arguments of a run.
        keys: further keys, which are handed back as typed.

    Returns:
        The search; the arguments of a run, those that the search fixes in front; the further keys.

    Raises:
        UserError: an unknown search, or a value of a wrong type.
    """
    values: dict[str, Any] = {}
    changes: dict[str, Any] = {}
    run: list[str] = []
    found: dict[str, str] = {}
    for argument in arguments:
        key, separator, text = argument.partition("=")
        if argument.startswith("-"):
            raise UserError(f"{argument}: a search takes key=value, as in trials=20, and no options but --help")
        if key.startswith(PREFIX) and not text:
            raise UserError(f"{key} needs a value, such as {key}=[VALUE,VALUE]; ~{key} takes it out of the search")
        if key.startswith(f"~{PREFIX}"):
            changes[key.removeprefix(f"~{PREFIX}")] = None
        elif key.startswith(PREFIX):
            changes[key.removeprefix(PREFIX)] = _parse(key, text)
        elif key == "search":
            values = _named(text, arguments) | values
        elif key in keys and separator:
            found[key] = text
        elif key in SearchConfig.model_fields and key not in ("space", "fixed") and separator:
            if not text:
                raise UserError(f"{key} needs a value: {key}=VALUE")
            values[key] = text.split(",") if key == "relative_to" and "[" not in text else _parse(key, text)
        else:
            known = {
                *RunConfig.model_fields,
                *GROUPS,
                "config_dir",
                "search",
                *keys,
                *set(SearchConfig.model_fields) - {"space", "fixed"},
            }
            if separator and key.lstrip("+").isidentifier() and key.lstrip("+") not in known:
                raise UserError(f"unknown key {key}.{nearest_hint(key, known)}")
            run.append(argument)
    space = dict(values.get("space") or {})
    for key, change in changes.items():
        if change is None and key not in space:
            hint = nearest_hint(key, space) if space else ""
            raise UserError(f"~{PREFIX}{key}: the search does not vary it.{hint}")
        space[key] = change
    values["space"] = {key: entry for key, entry in space.items() if entry is not None}
    if not values["space"]:
        raise UserError(
            "nothing to search: give search=NAME, one of "
            f"{', '.join(search_names(arguments))}, or search.KEY=[VALUE,VALUE]"
        )
    try:
        search = SearchConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        if first["loc"][0] == "objective":
            raise UserError(f"objective={values['objective']}: give {OBJECTIVES}") from error
        if first["type"] == "extra_forbidden":
            hint = nearest_hint(str(first["loc"][0]), SearchConfig.model_fields)
            raise UserError(f"search: unknown key {first['loc'][0]}.{hint}") from error
        raise UserError(wrong_value(".".join(map(str, first["loc"])), first)) from error
    typed = {argument.partition("=")[0].lstrip("~+") for argument in run}
    fixed = [f"{key}={as_typed(value)}" for key, value in search.fixed.items() if key not in typed]
    return search, [*fixed, *run], found


def check_objective(search: SearchConfig, config: RunConfig) -> dict[str, tuple[str, float]]:
    """Reads the objective as weights of the tasks' scores.

    Args:
        search: with the objective.
        config: of the runs.

    Returns:
        Task to metric and weight; the weights sum to 1.

    Raises:
        UserError: a task or metric that the runs do not have.
    """
    main = config.main_metrics()
    if search.objective == "mean":
        return {task: (metric, 1 / len(main)) for task, metric in main.items()}
    wanted = {search.objective: 1.0} if isinstance(search.objective, str) else search.objective
    if not wanted or min(wanted.values()) <= 0:
        raise UserError(f"objective={wanted}: give {OBJECTIVES}, with weights above 0")
    found: dict[str, tuple[str, float]] = {}
    for name, weight in wanted.items():
        task, _, metric = name.partition(".")
        if task in found:
            raise UserError(f"objective={wanted} names {task} twice; give each task one score")
        if task not in main or (name.endswith(".") or (metric and metric not in TRACKED)):
            known = [*main, *(f"{other}.{name}" for other in main for name in TRACKED)]
            raise UserError(f"objective={name}: no such score.{nearest_hint(name, known)}")
        found[task] = (metric or main[task], weight / sum(wanted.values()))
    return found


def objective_title(search: SearchConfig) -> str:
    """Says in words what is raised."""
    if search.relative_to:
        return "smallest gain over the single-task runs"
    if isinstance(search.objective, dict):
        return " + ".join(f"{weight:g} x {name}" for name, weight in search.objective.items())
    return "mean of the tasks' scores" if search.objective == "mean" else search.objective


def signed(metric: str, value: float) -> float:
    """Turns a score so that larger is better."""
    return value if METRICS[metric].higher_is_better else -value


def _named(name: str, arguments: Sequence[str]) -> dict[str, Any]:
    known = search_names(arguments)
    if name not in known:
        hint = nearest_hint(name, known) if name else f" Known: {', '.join(known)}."
        raise UserError(f"no search is called {name or 'nothing'}.{hint}")
    path = file_of("search", name, config_dirs(arguments))
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict) or not isinstance(values.get("space"), dict):
        raise UserError(f"{path}: give space: with a key of a run on each line below, as docs/tuning.md shows")
    return values


def _parse(key: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(
            f"{key}={text}: brackets do not match; the shell needs quotes round the whole argument"
        ) from error


def known_keys() -> Mapping[str, str]:
    """Returns the keys of a search with what they mean, those a user types."""
    return {
        f"{name}={as_typed(field.get_default(call_default_factory=True))}": str(field.description)
        for name, field in SearchConfig.model_fields.items()
        if name not in ("space", "fixed")
    }
