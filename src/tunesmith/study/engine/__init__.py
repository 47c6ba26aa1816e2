"""What a study does between ask and tell: a history kept up to date, proposals, results, and the one event loop.

`tunesmith.Study` is a facade over `TrialEngine`, which is given to all
that runs or reads trials: ``optimize``, ``confirm``, ``recommend``, and the scikit-learn searches.
"""
