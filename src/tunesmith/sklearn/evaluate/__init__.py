"""Fits and scores candidates on splits: the worker's side, and the pool of workers that joblib provides.

This room knows neither studies nor samplers. It takes units of work and returns outcomes.
"""
