"""The one exception that means: the input is wrong, and this line says what to do about it."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

MOST_NAMES = 12
LIKE_ENOUGH = 0.6


class UserError(Exception):
    """A mistake in the user's input; commands print its message on one line and exit with code 2."""


def nearest_hint(wrong: str, known: Iterable[str], listed_by: str = "--help") -> str:
    """Suggests the known name nearest to a wrong one.

    Args:
        wrong: what the user typed.
        known: every name that would have been right.
        listed_by: what to type to see all of them.

    Returns:
        A sentence beginning with a space, to append to a message.

    >>> nearest_hint("ravdes", ["ravdess", "emodb"])
    ' Did you mean ravdess?'
    >>> nearest_hint("frontend.n_mels", ["frontend.name", "frontend.num_mel_bins"])
    ' Did you mean frontend.num_mel_bins?'
    >>> nearest_hint("training.lr", ["training.learning_rate", "training.epochs"])
    ' Did you mean training.learning_rate?'
    >>> nearest_hint("zzz", ["b", "a"])
    ' Known: a, b.'
    >>> nearest_hint("zzz", "abcdefghijklmnop")
    ' Known: a, b, c, d, e, f, g, h, i, j, k, l and 4 more; --help lists them.'
    """
    names = sorted(known)
    nearest = max(names, key=lambda name: (_likeness(wrong, name), name.startswith(wrong)), default=None)
    if nearest is not None and _likeness(wrong, nearest) >= LIKE_ENOUGH:
        return f" Did you mean {nearest}?"
    if len(names) > MOST_NAMES:
        return f" Known: {', '.join(names[:MOST_NAMES])} and {len(names) - MOST_NAMES} more; {listed_by} lists them."
    return f" Known: {', '.join(names)}."


def _likeness(wrong: str, known: str) -> float:
    """Compares last names as a whole and word by word, and the sections before them, from 0 to 1."""
    section, _, name = wrong.rpartition(".")
    other_section, _, other = known.rpartition(".")
    words = [max(_ratio(word, part) for part in other.split("_")) for word in name.split("_")]
    initials = "".join(part[:1] for part in other.split("_"))
    likeness = max(_ratio(name, other), 0.9 * sum(words) / len(words), float(len(name) > 1 and name == initials))
    return (4 * likeness + _ratio(section, other_section)) / 5 if section else likeness


def _ratio(first: str, second: str) -> float:
    return difflib.SequenceMatcher(None, first, second).ratio()


def wrong_value(key: str, problem: Mapping[str, Any]) -> str:
    """Words what pydantic found wrong with a value.

    Args:
        key: as the user would type it.
        problem: one of `ValidationError.errors()`.

    >>> wrong_value("seed", {"input": "x", "msg": "Input should be a valid integer"})
    "seed='x': input should be a valid integer"
    >>> wrong_value("a", {"input": 1, "msg": "Input should be a valid string", "type": "string_type"})
    "a=1: input should be a valid string; in a file, text that looks like a number stands in quotes, as in '01'"
    """
    number = problem.get("type") == "string_type" and isinstance(problem["input"], int | float)
    quotes = "; in a file, text that looks like a number stands in quotes, as in '01'" if number else ""
    message = problem["msg"].replace("valid tuple", "list")
    return f"{key}={problem['input']!r}: {message[0].lower()}{message[1:]}{quotes}"
