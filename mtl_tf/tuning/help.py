"""The text of `scripts/tune.py --help`: the space of a search, and the keys."""

import importlib.util
import textwrap
from collections.abc import Sequence

from mtl_tf.errors import UserError
from mtl_tf.tuning.dimensions import read_dimensions
from mtl_tf.tuning.search import known_keys, objective_title, read_search, search_names
from mtl_tf.values import refuse_words

KEYS = ("workers", "tuning_dir", "finish", "repeats", "worker", "resume")
FORMS = """\
What may stand behind search.KEY= on the command line, and under space: in configs/search/NAME.yaml:
  [a,b,c]                                  one of these values
  boolean                                  true or false
  {int: [low, high], step: 2}              a whole number
  {float: [low, high], log: true}          a number; log tries small ones as often as large ones
  {float: [0, 0.9], when: {training.optimizer: sgd}}   searched only where another key has this value
  {sum_to_one: [TASK, TASK]}               for training.loss_weights
  {NAME: {KEY: WHAT}, NAME: {}}            for frontend and model, with keys that are searched where NAME is chosen
  ~search.KEY                              takes a key out of the search"""


def help_text(arguments: Sequence[str] = ()) -> str:
    """Prints the space of the search that is named, or else which searches there are.

    Args:
        arguments: as typed.

    Raises:
        UserError: an unknown search, a value of no known form, or words, which this help does not take.
    """
    refuse_words(arguments)
    lines = [f"Searches (search=NAME): {', '.join(search_names(arguments))}", ""]
    if any(argument.lstrip("~").startswith(("search=", "search.")) for argument in arguments):
        search, fixed, _ = read_search(arguments, KEYS)
        lines = [f"The space, searched by {search.tuner} for {objective_title(search)}:"]
        lines += [f"  {dimension.name}: {dimension.describe()}" for dimension in read_dimensions(search.space)]
        others = [argument for argument in fixed if argument.partition("=")[0] in search.fixed]
        lines += [f"Every trial has {', '.join(others)}."] if others else []
        lines += [""]
    lines += [FORMS, "", "Keys of the search, with their defaults:"]
    for key, meaning in known_keys().items():
        lines += [f"  {key}", textwrap.fill(meaning, 114, initial_indent="      ", subsequent_indent="      ")]
    lines += ["  workers=1", "      processes that carry out trials at the same time"]
    lines += ["  tuning_dir=tuning", "      where the folders of searches are written"]
    lines += ["  resume=true", "      carry on the latest search of the same space and runs"]
    return "\n".join([*lines, "", "All other keys are those of a run; scripts/train.py all --help lists them."])


def find_tuner() -> None:
    """Looks for keras-tuner without loading it.

    Raises:
        UserError: it is not installed.
    """
    if importlib.util.find_spec("keras_tuner") is None:
        raise UserError('keras-tuner is missing; give: pip install "mtl-tf[tune]"')
