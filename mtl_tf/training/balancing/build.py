"""Finds a balancing method by its name."""

from mtl_tf.training.balancing.balancing import Balancing
from mtl_tf.training.balancing.equal import EqualWeighting
from mtl_tf.training.balancing.famo import Famo
from mtl_tf.training.balancing.pcgrad import PcGrad
from mtl_tf.training.balancing.random_weighting import RandomWeighting
from mtl_tf.training.balancing.uncertainty import UncertaintyWeighting


def build_balancing(name: str, num_tasks: int, seed: int, cap: float) -> Balancing:
    """Makes the method of a run.

    Args:
        name: of `training.balancing`.
        num_tasks: of the run; with one there is nothing to balance.
        seed: of the run.
        cap: of uncertainty weighting.
    """
    if name == "equal" or num_tasks < 2:
        return EqualWeighting(num_tasks, seed)
    if name == "uncertainty":
        return UncertaintyWeighting(num_tasks, seed, cap)
    return {"random": RandomWeighting, "famo": Famo, "pcgrad": PcGrad}[name](num_tasks, seed)
