"""Multi-fidelity: start a new run, or go on with a paused one? Decided from learning curves and from what steps cost.

Pure functions of arrays (`Runs`): no study, no storage, no clock. Samplers and pruners both build on it.
"""
