"""Array maths as pure functions: NumPy, SciPy and moocore only, nothing of tunesmith."""
