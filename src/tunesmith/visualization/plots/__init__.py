"""The functions that users call: each makes the arrays of a figure and has a backend draw them."""
