"""Samplers that evolve a population or a distribution: CMA-ES, differential evolution and NSGA-II.

Each rebuilds its state from the finished trials. They are for many cheap evaluations, NSGA-II for several objectives.
"""
