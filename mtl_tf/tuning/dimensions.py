"""Reads the dimensions of a search space as YAML has them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mtl_tf.config_files import choices
from mtl_tf.errors import UserError, nearest_hint
from mtl_tf.values import as_typed

GROUPS = ("frontend", "model")
LOSS_WEIGHTS = "training.loss_weights"
CHOICE, INT, FLOAT, BOOLEAN, SHARE = "choice", "int", "float", "boolean", "share"
MOST_STEPS = 1000
_FORMS = (
    "a list of values, boolean, {int: [low, high]}, {float: [low, high], log: true}, {choice: [values], when: {KEY: "
    "[values]}} or, for frontend and model, {NAME: {KEY: ...}}"
)


@dataclass(frozen=True)
class Dimension:
    """One key that a search varies.

    Attributes:
        name: of the key, such as `training.learning_rate`.
        kind: `choice`, `int`, `float`, `boolean`, or `share`, a loss weight as a part of what other tasks left over.
        values: of a choice; numbers of one type, or text as a user would type it.
        low: smallest number.
        high: largest number.
        step: between two numbers, or their ratio where `log` is set; None: any.
        log: whether small numbers are tried as often as large ones.
        when: other keys, each with the values at which this one is searched at all.
    """

    name: str
    kind: str
    values: tuple = ()
    low: float = 0.0
    high: float = 1.0
    step: float | None = None
    log: bool = False
    when: tuple[tuple[str, tuple], ...] = ()

    def extremes(self) -> list[Any]:
        """Lists the values that show whether the key takes what the search would give it."""
        return [True, False] if self.kind == BOOLEAN else list(self.values) or [self.low, self.high]

    def describe(self) -> str:
        """Says what is tried, as in "0.0003 to 0.01, log"."""
        if self.kind == BOOLEAN:
            text = "true or false"
        elif self.kind == SHARE:
            text = "share of the loss; all shares sum to 1"
        elif self.values:
            text = ", ".join(map(str, self.values))
        else:
            text = f"{self.low:g} to {self.high:g}"
            text += f", {'times' if self.log else 'in steps of'} {self.step:g}" if self.step else ""
            text += ", log" if self.log else ""
        where = " and ".join(f"{key} is {' or '.join(map(str, values))}" for key, values in self.when)
        return text + (f" (where {where})" if where else "")


def read_dimensions(space: Mapping[str, Any]) -> tuple[Dimension, ...]:
    """Reads a search space.

    Args:
        space: key to what is tried, see `configs/search`.

    Returns:
        The dimensions, each behind those its `when` names.

    Raises:
        UserError: an entry of no known form, or a `when` that names no key of the space or none of its values.
    """
    found: list[Dimension] = []
    for key, entry in space.items():
        found += _read_group(key, entry) if key in GROUPS and isinstance(entry, dict) else _read_entry(key, entry)
    found = [replace(dimension, when=_matched(dimension, found)) for dimension in found]
    names = [dimension.name for dimension in found]
    double = {name for name in names if names.count(name) > 1}
    for name in double:
        conditions = [dimension.when for dimension in found if dimension.name == name]
        if len(set(conditions)) < len(conditions):
            raise UserError(f"the search varies {name} twice; keep one")
    return _parents_first(found)


def _matched(dimension: Dimension, found: list[Dimension]) -> tuple[tuple[str, tuple], ...]:
    """Checks the conditions of a dimension, and gives their values as the keys they name have them (16 for "16")."""
    known = {other.name: other for other in found if other.kind in (CHOICE, BOOLEAN)}
    matched = []
    for parent, values in dimension.when:
        if parent not in known:
            hint = nearest_hint(parent, known) if known else ""
            raise UserError(f"search.{dimension.name}: when names {parent}, which is no choice of this search.{hint}")
        possible = {str(value).lower(): value for value in known[parent].extremes()}
        for value in values:
            if str(value).lower() not in possible:
                raise UserError(
                    f"search.{dimension.name}: when names {parent}={value}; it may be {', '.join(possible)}"
                )
        matched.append((parent, tuple(possible[str(value).lower()] for value in values)))
    return tuple(matched)


def _parents_first(dimensions: list[Dimension]) -> tuple[Dimension, ...]:
    ordered: list[Dimension] = []
    waiting = list(dimensions)
    while waiting:
        done = {dimension.name for dimension in ordered}
        ready = [dimension for dimension in waiting if {parent for parent, _ in dimension.when} <= done]
        if not ready:
            raise UserError(f"search.{waiting[0].name}: its conditions go round in a circle")
        ordered.append(ready[0])
        waiting.remove(ready[0])
    return tuple(ordered)


def _read_group(group: str, entry: dict) -> list[Dimension]:
    for name in entry:
        if name not in choices(group):
            raise UserError(f"search.{group}: no {group} is called {name}.{nearest_hint(name, choices(group))}")
    found = [Dimension(group, CHOICE, values=tuple(entry))]
    for name, keys in entry.items():
        if keys is not None and not isinstance(keys, dict):
            raise UserError(f"search.{group}: give {name}: {{KEY: WHAT}}, or {name}: {{}} for none of its keys")
        for key, inner in (keys or {}).items():
            for dimension in _read_entry(f"{group}.{key}", inner):
                found.append(replace(dimension, when=((group, (name,)), *dimension.when)))
    return found


def _read_entry(key: str, entry: Any) -> list[Dimension]:
    if entry == BOOLEAN:
        return [Dimension(key, BOOLEAN)]
    if isinstance(entry, list):
        entry = {CHOICE: entry}
    if not isinstance(entry, dict):
        raise UserError(f"search.{key}={entry}: give {_FORMS}")
    when = _read_conditions(key, entry.get("when") or {})
    kinds = [kind for kind in (CHOICE, INT, FLOAT, BOOLEAN, "sum_to_one") if kind in entry]
    strange = set(entry) - {CHOICE, INT, FLOAT, BOOLEAN, "sum_to_one", "when", "step", "log"}
    if len(kinds) != 1 or strange:
        raise UserError(f"search.{key}: give {_FORMS}")
    (kind,) = kinds
    if kind == BOOLEAN:
        return [Dimension(key, BOOLEAN, when=when)]
    if kind == CHOICE:
        return [Dimension(key, CHOICE, values=_read_values(key, entry[kind]), when=when)]
    if kind == "sum_to_one":
        if key != LOSS_WEIGHTS or not isinstance(entry[kind], list) or len(entry[kind]) < 2:
            raise UserError(f"search.{key}: sum_to_one is for {LOSS_WEIGHTS} and takes a list of two tasks or more")
        if when or len(set(map(str, entry[kind]))) < len(entry[kind]):
            raise UserError(f"search.{key}: sum_to_one names each task once and takes no when")
        return [Dimension(f"{key}.{task}", SHARE) for task in entry[kind]]
    return [_read_range(key, kind, entry, when)]


def _read_range(key: str, kind: str, entry: dict, when: tuple) -> Dimension:
    try:
        low, high = (float(value) for value in entry[kind])
        step = None if entry.get("step") is None else float(entry["step"])
    except (TypeError, ValueError) as error:
        raise UserError(f"search.{key}: give {kind}: [low, high], as numbers") from error
    log = entry.get("log", False)
    if not isinstance(log, bool):
        raise UserError(f"search.{key}: log={log}: give true or false")
    if not low < high:
        raise UserError(f"search.{key}: {kind}: [{low:g}, {high:g}] is no range; the first must be smaller")
    if log and low <= 0:
        raise UserError(f"search.{key}: log needs numbers above 0")
    if step is not None and step <= (1.0 if log else 0.0):
        raise UserError(f"search.{key}: step must be above {'1, the ratio of two numbers' if log else '0'}")
    if not all(map(math.isfinite, (low, high, step or 1.0))):
        raise UserError(f"search.{key}: give finite numbers")
    count = _count_steps(low, high, step, log)
    if count > MOST_STEPS:
        raise UserError(f"search.{key}: more than {MOST_STEPS} steps; give a larger step, or none")
    if count == 1:
        raise UserError(f"search.{key}: a step of {step:g} leaves one value; give a smaller one")
    if kind == INT and not (low.is_integer() and high.is_integer() and (step is None or step.is_integer())):
        raise UserError(f"search.{key}: int takes whole numbers; give float: [low, high]")
    return Dimension(key, kind, low=low, high=high, step=step, log=log, when=when)


def _count_steps(low: float, high: float, step: float | None, log: bool) -> int:
    if step is None:
        return 2
    return 1 + int((math.log(high / low) / math.log(step) if log else (high - low) / step) * (1 + 1e-9))


def _read_values(key: str, values: Any) -> tuple:
    if not isinstance(values, list) or len(values) < 2:
        raise UserError(f"search.{key}: a choice takes a list of two values or more")
    if len({str(value) for value in values}) < len(values):
        raise UserError(f"search.{key}: {values} names a value twice")
    if all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return tuple(values)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return tuple(map(float, values))
    return tuple(value if isinstance(value, str) else as_typed(value) for value in values)


def _read_conditions(key: str, when: Any) -> tuple[tuple[str, tuple], ...]:
    shown = f"search.{key}: when takes {{KEY: VALUE}} or {{KEY: [VALUE, VALUE]}}"
    if not isinstance(when, dict):
        raise UserError(shown)
    for values in when.values():
        if values == [] or any(
            isinstance(value, list | dict) for value in (values if isinstance(values, list) else [values])
        ):
            raise UserError(shown)
    return tuple((parent, tuple(values if isinstance(values, list) else [values])) for parent, values in when.items())
