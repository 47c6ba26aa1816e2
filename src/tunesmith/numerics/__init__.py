"""Array maths as pure functions: NumPy and SciPy only, nothing of tunesmith."""
