"""Builds a layer from the keys of a configuration."""

from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, Field, PositiveInt, TypeAdapter, ValidationError

from mtl_tf.errors import UserError, nearest_hint, wrong_value

# Kinds of value that constructors of layers take.
Size = PositiveInt
Share = Annotated[float, Field(ge=0, lt=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
Decibels = Annotated[float, Field(ge=-120, le=120)]
_FINITE = ConfigDict(allow_inf_nan=False)
# What layers raise for values that do not fit.
UNFIT = (ValueError, TypeError, ArithmeticError, IndexError, MemoryError)


def construct(section: str, known: Mapping[str, type], name: str, options: dict, layer_name: str) -> Any:
    """Builds a layer.

    Args:
        section: of the configuration, for messages, such as `frontend` or `augment.noise`.
        known: classes by name.
        name: of the class.
        options: its constructor's arguments, checked against the annotations of the constructor and its bases'.
        layer_name: of the layer.

    Raises:
        UserError: an unknown name, a value of a wrong type, or values that do not go together.
    """
    if name not in known:
        raise UserError(f"no {section.partition('.')[0]} is called {name}.{nearest_hint(name, known)}")
    kinds: dict[str, Any] = {}
    for base in reversed(known[name].__mro__):
        if base.__module__.startswith("mtl_tf") and "__init__" in vars(base):
            kinds |= get_type_hints(base.__init__, include_extras=True)
    try:
        values = {key: _read(f"{section}.{key}", value, kinds.get(key, Any)) for key, value in options.items()}
        return known[name](**values, name=layer_name)
    except UNFIT as error:
        group = section.partition(".")[0]
        raise UserError(f"{group}={name}: {error}; compare your values with configs/{group}/") from error


def _read(key: str, value: object, kind: Any) -> Any:
    if isinstance(value, list) and not value:
        raise UserError(f"{key}=[]: give at least one value")
    try:
        return TypeAdapter(kind, config=_FINITE).validate_python(value)
    except ValidationError as error:
        if get_origin(kind) is tuple and ... not in get_args(kind):
            raise UserError(f"{key}={value!r}: give {_in_words(kind)}") from error
        if get_origin(kind) in (Union, UnionType) and any(get_origin(choice) is tuple for choice in get_args(kind)):
            raise UserError(f"{key}={value!r}: give {' or '.join(map(_in_words, get_args(kind)))}") from error
        first = error.errors()[0]
        place = "".join(f"[{part}]" for part in first["loc"] if isinstance(part, int))
        raise UserError(wrong_value(f"{key}{place}", first)) from error


def _in_words(kind: Any) -> str:
    """Says what a value of one kind is, where a key may have values of several."""
    if get_origin(kind) is tuple:
        return f"a list of {len(get_args(kind))}"
    return {Size: "a whole number above 0"}.get(kind, str(kind))
