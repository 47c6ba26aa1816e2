"""Multi-fidelity: what pauses, and what goes on? Decided from learning curves and from what starts and steps cost.

Functions of a history: no study, no storage, no clock. Samplers and pruners both build on it.
"""
