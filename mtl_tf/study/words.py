"""How a study writes differences and sets of tasks."""

INTERVALS = (
    "Each interval is of its row alone. A verdict heeds how many rows there are (Holm's correction), as one of many "
    "intervals leaves out zero by chance. So an interval may leave out zero where the verdict is 'cannot be told'."
)
_MOST_NAMES = 3


def points(value: float) -> str:
    """Writes a difference in points.

    >>> points(0.0312), points(-0.5), points(-0.0001), points(float("inf"))
    ('+3.1', '-50.0', '+0.0', '+inf')
    """
    return f"{round(100 * value, 1) + 0.0:+.1f}"  # a zero has no minus


def several(names: str) -> str:
    """Writes the names of tasks, of many the first two and how many others.

    Args:
        names: joined by +, as in the tables.

    >>> several("a+b+c"), several("a+b+c+d+e")
    ('a, b, c', 'a, b and 3 others')
    """
    parts = names.split("+")
    if len(parts) <= _MOST_NAMES:
        return ", ".join(parts)
    return f"{', '.join(parts[:2])} and {len(parts) - 2} others"
