"""The version of Optuna whose names are here."""

__version__ = "5.0.0"
