"""Recipes: how well a model is trained, as one choice that goes with every experiment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mtl_tf.config_files import GROUPS, choices, file_of, read_keys
from mtl_tf.errors import UserError, nearest_hint

GROUP = "recipe"
OF_EXPERIMENT, DEFAULT = "recipes", "recipe"  # keys of an experiment's file
AUGMENT = "augment"
_CHOSEN = ("frontend", "model", AUGMENT)  # groups that a recipe may choose from


@dataclass(frozen=True)
class Recipe:
    """What a recipe sets.

    Attributes:
        name: of the recipe; None: none was chosen.
        groups: group to choice, as typed.
        values: dotted key to value.
    """

    name: str | None = None
    groups: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


def read_recipe(experiment: str, typed: str | None, dirs: Sequence[Path], given: Mapping[str, str]) -> Recipe:
    """Reads the recipe of a run.

    Its keys are those of `configs/recipe/NAME.yaml` and, before these, of the experiment's own section `recipes.NAME`.
    Keys named like a group choose from it.

    Args:
        experiment: name of the experiment.
        typed: name of the recipe; None: the one that the experiment's file names under `recipe`, if any.
        dirs: folders of the groups.
        given: keys and groups that were typed, with their values, which a recipe leaves alone.

    Raises:
        UserError: there is no such recipe, a file of it is damaged or holds no keys.
    """
    own = {}
    if experiment in choices("experiment", dirs):
        own = read_keys(file_of("experiment", experiment, dirs))
    name = own.get(DEFAULT) if typed is None else typed
    if name in (None, "null", ""):
        return Recipe()
    known = choices(GROUP, dirs)
    if not isinstance(name, str) or name not in known:
        raise UserError(f"no recipe is called {name}.{nearest_hint(str(name), known)}")
    sections = own.get(OF_EXPERIMENT) or {}
    if not isinstance(sections, dict) or not isinstance(sections.get(name) or {}, dict):
        raise UserError(f"experiment {experiment}: {OF_EXPERIMENT}.{name} must hold keys, such as training.epochs: 40")
    keys = read_keys(file_of(GROUP, name, dirs)) | (sections.get(name) or {})
    groups = {key: _as_typed(keys.pop(key)) for key in GROUPS if key in keys and key in _CHOSEN}
    # Keys of a front end or model are for that of the experiment or recipe, and fall where another one is typed.
    shipped = _choices_of(own) | groups
    idle = {
        group for group in _CHOSEN if group != AUGMENT and given.get(group, shipped.get(group)) != shipped.get(group)
    }
    changing = [own.strip() for own in given.get(AUGMENT, groups.get(AUGMENT, "")).strip("[]").split(",")]
    values = {
        key: value
        for key, value in keys.items()
        if key.split(".")[0] not in idle and (key.split(".")[0] != AUGMENT or key.split(".")[1] in changing)
    }
    return Recipe(name, {group: text for group, text in groups.items() if group not in given}, values)


def _choices_of(experiment: Mapping[str, Any]) -> dict[str, str]:
    """Returns what the file of an experiment chooses from the groups."""
    entries = [entry for entry in experiment.get("defaults") or [] if isinstance(entry, dict)]
    return {key.removeprefix("override /"): str(choice) for entry in entries for key, choice in entry.items()}


def _as_typed(choice: Any) -> str:
    return f"[{','.join(choice)}]" if isinstance(choice, list) else str(choice)
