"""tunesmith inside of other libraries: each module is imported by who uses that library, and needs it.

`ray_tune.py` is a search algorithm of Ray Tune. `xgboost.py`, `lightgbm.py` and `catboost.py` report the rounds of a
training, on what they share, `rounds.py`; `lightning.py` and `pytorch_lightning.py` (on `lightning_epochs.py`),
`transformers.py` and `keras.py` its epochs. `torch_distributed.py` is one trial in all processes of torchrun.
`stepwise.py` trains estimators of scikit-learn in steps. `mlflow.py`, `tensorboard.py` and `wandb.py` log finished
trials, on what they share, `trackers.py`.
"""
