"""The one exception that means: the input is wrong, and this line says what to do about it."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

MOST_NAMES = 12


class UserError(Exception):
    """A mistake in the user's input; commands print its message on one line and exit with code 2."""


def nearest_hint(wrong: str, known: Iterable[str]) -> str:
    """Suggests the known name nearest to a wrong one.

    Args:
        wrong: what the user typed.
        known: every name that would have been right.

    Returns:
        A sentence beginning with a space, to append to a message.

    >>> nearest_hint("ravdes", ["ravdess", "emodb"])
    ' Did you mean ravdess?'
    >>> nearest_hint("zzz", ["b", "a"])
    ' Known: a, b.'
    >>> nearest_hint("zzz", "abcdefghijklmnop")
    ' Known: a, b, c, d, e, f, g, h, i, j, k, l and 4 more; --help lists them.'
    """
    names = sorted(known)
    matches = difflib.get_close_matches(wrong, names, n=1, cutoff=0.6)
    if matches:
        return f" Did you mean {matches[0]}?"
    if len(names) > MOST_NAMES:
        return f" Known: {', '.join(names[:MOST_NAMES])} and {len(names) - MOST_NAMES} more; --help lists them."
    return f" Known: {', '.join(names)}."


def wrong_value(key: str, problem: Mapping[str, Any]) -> str:
    """Words what pydantic found wrong with a value.

    Args:
        key: as the user would type it.
        problem: one of `ValidationError.errors()`.

    >>> wrong_value("seed", {"input": "x", "msg": "Input should be a valid integer"})
    "seed='x': input should be a valid integer"
    """
    message = problem["msg"].replace("valid tuple", "list")
    return f"{key}={problem['input']!r}: {message[0].lower()}{message[1:]}"
