"""The running trial that an objective gets, its record, its epochs, and a record run again in its place."""

from tunesmith.foundation.states import TrialState
from tunesmith.trial.epochs import load_state
from tunesmith.trial.record import FrozenTrial, create_trial
from tunesmith.trial.running import Channel, Proposals, Trial

__all__ = ["Channel", "FrozenTrial", "Proposals", "Trial", "TrialState", "create_trial", "load_state"]
