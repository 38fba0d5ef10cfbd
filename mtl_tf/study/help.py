"""The text of `scripts/compare.py --help`."""

import textwrap
from collections.abc import Sequence

from mtl_tf.config import StudyConfig
from mtl_tf.values import as_typed, refuse_words


def help_text(arguments: Sequence[str] = ()) -> str:
    """Lists the keys of a study with their defaults and meaning.

    Args:
        arguments: as typed.

    Raises:
        UserError: words are among them, which this help does not take.
    """
    refuse_words(arguments)
    lines = ["Keys of a study, with their defaults (an experiment may set them under study:):"]
    for name, field in StudyConfig.model_fields.items():
        value = field.get_default(call_default_factory=True)
        text = f"[{','.join(map(str, value))}]" if isinstance(value, list) else as_typed(value)
        lines += [
            f"  {name}={text}",
            textwrap.fill(field.description or "", 114, initial_indent=" " * 6, subsequent_indent=" " * 6),
        ]
    lines += ["  study_dir=studies", "      where the folders of studies are written"]
    lines += ["  resume=true", "      carry on the latest study over the same runs"]
    return "\n".join([*lines, "", "All other keys are those of a run; scripts/train.py all --help lists them."])
