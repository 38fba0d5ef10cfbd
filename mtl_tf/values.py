"""Reads single values as a user typed them."""

from mtl_tf.errors import UserError


def positive_number(key: str, text: str) -> float:
    """Reads a number above 0.

    Raises:
        UserError: it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise UserError(f"{key}={text}: give a number above 0")
    return value
