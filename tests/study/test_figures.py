"""Figures of a study with and without controls."""

import numpy as np
import pandas as pd
import pytest

from mtl_tf.study.figures import forest


@pytest.mark.parametrize("control", [0.01, np.nan])
def test_gains_are_drawn_with_and_without_controls(control):
    """Warnings are errors here, as one of a legend without entries would be."""
    rows = {"task": ["a", "b"], "partners": ["b", "a+c"], "model": "", "gain": [0.3, -0.01], "low": [-1.0, -0.02]}
    table = pd.DataFrame(
        rows
        | {
            "high": [1.0, 0.0],
            "p_value": [1.0, 0.3],
            "verdict": "hurts",
            "control_gain": control,
            "noise_gain": control,
        }
    )
    assert forest(table).startswith(b"\x89PNG")
