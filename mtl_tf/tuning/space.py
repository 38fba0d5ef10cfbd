"""A search space as keras-tuner wants it, and its values as arguments of a run."""

from collections.abc import Mapping, Sequence
from typing import Any

from keras_tuner import HyperParameters
from keras_tuner.engine.hyperparameters import Boolean, Choice, Float, HyperParameter, Int
from keras_tuner.src.engine.conditions import Parent

from mtl_tf.compose import compose
from mtl_tf.config import RunConfig
from mtl_tf.errors import UserError
from mtl_tf.frontends.build import build_frontend
from mtl_tf.models.build import build_trunk
from mtl_tf.tuning.dimensions import BOOLEAN, CHOICE, INT, LOSS_WEIGHTS, SHARE, Dimension
from mtl_tf.values import as_typed

OWN = {"repeats", "score_test", "runs_dir", "training.stop_after_epoch"}
OF_ONE_START = {"seed", "fold", "data_root", "prepared_dir", "quiet", "report_audio"}
DECIDE_SCORES = {"experiment", "protocol", "protocols", "corpus", "task", "tasks", "split", "audit", "published"}
DIGITS = 6  # of floats, so that people can read and type them


def hyperparameters(dimensions: Sequence[Dimension]) -> HyperParameters:
    """Registers all dimensions with keras-tuner, those with conditions in their scopes."""
    space = HyperParameters()
    tasks = [dimension.name for dimension in dimensions if dimension.kind == SHARE]
    for dimension in dimensions:
        if dimension.name not in tasks[-1:]:  # the last task has what the others leave
            conditions = [Parent(parent, list(values)) for parent, values in _conditions(dimension, dimensions)]
            space.merge([_hyperparameter(dimension, conditions)])
    return space


def _hyperparameter(dimension: Dimension, conditions: list[Parent]) -> HyperParameter:
    name, sampling = dimension.name, "log" if dimension.log else "linear"
    if dimension.kind == CHOICE:
        return Choice(name, list(dimension.values), conditions=conditions)
    if dimension.kind == BOOLEAN:
        return Boolean(name, conditions=conditions)
    if dimension.step is not None:
        # keras-tuner leaves out the last of 0.1, 0.2, 0.3, as 0.3 - 0.1 is less than twice 0.1 in binary.
        return Choice(name, _steps(dimension), conditions=conditions)
    if dimension.kind == INT:
        step = None if dimension.log else 1
        low, high = int(dimension.low), int(dimension.high)
        return Int(name, low, high, step=step, sampling=sampling, conditions=conditions)
    return Float(name, dimension.low, dimension.high, sampling=sampling, conditions=conditions)


def _steps(dimension: Dimension) -> list[float] | list[int]:
    """Lists the numbers of a stepped range, its end included where a step meets it."""
    values, value = [], dimension.low
    while value <= dimension.high * (1 + 1e-9):
        values.append(float(f"{value:.{DIGITS}g}"))
        value = value * dimension.step if dimension.log else dimension.low + len(values) * dimension.step
    return list(map(int, values)) if dimension.kind == INT else values


def as_arguments(values: Mapping[str, Any], dimensions: Sequence[Dimension]) -> list[str]:
    """Turns what an oracle chose into arguments of a run.

    Shares are laid out so that every division of 1 among the tasks is equally likely: of n tasks left, one gets
    `1 - (1 - u) ** (1 / (n - 1))` of what is left.

    Args:
        values: name to value; keras-tuner's own, such as `tuner/epochs`, are passed over.
        dimensions: of the space.

    Returns:
        Arguments such as `training.learning_rate=0.00123`; floats have six digits.
    """
    arguments, shares = [], [dimension for dimension in dimensions if dimension.kind == SHARE]
    for name in dict.fromkeys(dimension.name for dimension in dimensions if dimension.kind != SHARE):
        if name in values:
            arguments.append(f"{name}={_as_text(values[name])}")
    left, weights = 1.0, []
    for number, dimension in enumerate(shares):
        rest = len(shares) - number - 1
        part = left * (1 - (1 - values[dimension.name]) ** (1 / rest)) if rest else left
        left -= part
        weights.append(f"{dimension.name.removeprefix(LOSS_WEIGHTS + '.')}: {_as_text(float(part))}")
    return arguments + ([f"{LOSS_WEIGHTS}={{{', '.join(weights)}}}"] if weights else [])


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return as_typed(float(f"{value:.{DIGITS}g}"))  # 1.0e-05, as YAML takes 1e-05 for text
    return str(value)


def check_space(dimensions: Sequence[Dimension], base: Sequence[str]) -> RunConfig:
    """Tries the outermost values of every dimension against the schema and the layers, before anything is trained.

    Args:
        dimensions: of the space.
        base: arguments of every trial.

    Returns:
        The configuration without any searched value.

    Raises:
        UserError: an unknown key, a value that the key does not take, or a key that was typed and is searched too.
    """
    typed = {argument.partition("=")[0].lstrip("~+") for argument in base}
    for key in sorted(typed & OWN):
        raise UserError(f"{key}: a search sets it itself; leave it away")
    for dimension in dimensions:
        name = LOSS_WEIGHTS if dimension.kind == SHARE else dimension.name
        _check_searchable(name)
        if name in typed or dimension.name in typed:
            raise UserError(
                f"{name} is given and is searched too; leave it away, or take it out of the search with ~search.{name}"
            )
    plain = _checked(base, "the experiment")
    shares = {dimension.name: 0.5 for dimension in dimensions if dimension.kind == SHARE}
    tasks = [name.removeprefix(f"{LOSS_WEIGHTS}.") for name in shares]
    if tasks and set(tasks) != set(plain.tasks):
        raise UserError(
            f"search.{LOSS_WEIGHTS}: sum_to_one names {', '.join(tasks)}; the tasks of the run are "
            f"{', '.join(plain.tasks)}, and all must be named"
        )
    for dimension in dimensions:
        for value in dimension.extremes():
            parents = {parent: possible[0] for parent, possible in _conditions(dimension, dimensions)}
            own = [other for other in dimensions if other.name in {*parents, dimension.name} or other.kind == SHARE]
            _checked(
                [*base, *as_arguments({**shares, **parents, dimension.name: value}, own)], f"search.{dimension.name}"
            )
    return plain


def _check_searchable(name: str) -> None:
    """Refuses keys that are the search's own, and those that change which clips are scored or what a score is.

    Raises:
        UserError: see above.
    """
    if name in OWN | OF_ONE_START:
        raise UserError(f"search.{name}: a search sets it itself; take it out")
    section, _, rest = name.partition(".")
    of_corpus = section == "corpora" and rest.partition(".")[2] not in ("crop_s", "mixing_weight")
    if section in DECIDE_SCORES or of_corpus:
        raise UserError(f"search.{name}: trials would be scored on other clips or by other means; take it out")


def _conditions(dimension: Dimension, dimensions: Sequence[Dimension]) -> list[tuple[str, tuple]]:
    """Lists the conditions of a dimension, those of the keys it depends on first."""
    found: list[tuple[str, tuple]] = []
    for parent, values in dimension.when:
        above = next(other for other in dimensions if other.name == parent)
        found += [entry for entry in (*_conditions(above, dimensions), (parent, values)) if entry not in found]
    return found


def _checked(arguments: Sequence[str], place: str) -> RunConfig:
    try:
        config = compose(arguments, note=lambda _: None)
        build_frontend(config.frontend.name, config.options("frontend"))
        build_trunk(config.model.name, config.options("model"))
    except UserError as error:
        if place == "the experiment":
            raise
        raise UserError(f"{place}: {error}") from error
    return config
