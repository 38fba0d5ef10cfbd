"""The peak of memory, which can begin anew."""

import os

import numpy as np
import pytest

from mtl_tf.runs.memory import forget_peak, peak_mb


@pytest.mark.skipif(
    not os.access("/proc/self/clear_refs", os.W_OK), reason="this system does not let the peak begin anew"
)
def test_the_peak_is_of_what_was_held_since():
    forget_peak()  # what other tests of this process held
    before = peak_mb()
    block = np.ones(60 * 2**17)  # 60 MiB
    assert peak_mb() >= before + 50
    del block
    assert peak_mb() >= before + 50
    forget_peak()
    assert peak_mb() < before + 50
