"""The tree-structured Parzen estimator: proposals in well under a millisecond, whatever the number of trials.

Begin reading at ``sampler.py``; the mixtures are in ``tunesmith.foundation.numerics.parzen``.
"""

from tunesmith.samplers.tpe.sampler import TPESampler

__all__ = ["TPESampler"]
