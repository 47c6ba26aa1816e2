"""What more than one sampler is made of: replayed state, ranking of trials, duplicates, bounds, inferred conditions.

Nothing here proposes a point, and nothing here knows a particular sampler.
"""
