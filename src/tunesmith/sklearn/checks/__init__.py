"""Checks of a search's input before the first fit: parameter names and values, metrics, targets and splits.

Each check raises or warns with what was given, what was expected and what to do.
"""
