"""The spaces themselves, one function for each kind of estimator, with where their ranges come from.

`tunesmith.space.estimators.known` says which class has which. A function gets an `About` and returns parameters by name.
"""
