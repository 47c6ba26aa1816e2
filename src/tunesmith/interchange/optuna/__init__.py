"""Optuna's storages, read and written without Optuna: databases of all of its schemas, and journal files."""
