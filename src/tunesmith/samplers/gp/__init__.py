"""Bayesian optimisation with a Gaussian process: the sampler, its models, and the surrogate that judges results.

Begin reading at ``sampler.py``; the array maths (process, acquisition functions) is in ``tunesmith.foundation.numerics``.
"""

from tunesmith.samplers.gp.sampler import GPSampler

__all__ = ["GPSampler"]
