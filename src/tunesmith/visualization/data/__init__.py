"""What figures show, as frozen dataclasses of arrays: pure functions of a study, with NumPy alone.

Each class has a `summary`, the sentence that describes the figure to who does not see it, and `to_dict()` for JSON.
`tunesmith.visualization.figures` and `tunesmith.visualization.mpl` draw them.
"""
