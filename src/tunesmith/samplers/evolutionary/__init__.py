"""Samplers that evolve a population or a distribution: CMA-ES, differential evolution, NSGA-II and NSGA-III.

Each rebuilds its state from the finished trials. They are for many cheap evaluations, NSGA-II and NSGA-III for several
objectives.
"""
