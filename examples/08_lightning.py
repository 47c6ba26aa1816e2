"""The search of 06_pytorch_mlp.py, with PyTorch Lightning in the place of the loop.

`TunesmithCallback` reports the metric once an epoch, and stops the training where the search says so. It saves
Lightning's own checkpoints: `ckpt_path=callback.ckpt_path` goes on with a run that was paused.

Run it:    python examples/08_lightning.py [picture.png] [--budget EPOCHS]
It needs:  lightning and scikit-learn (pip install 'tunesmith[lightning,sklearn]'); with matplotlib it draws.
"""

import logging
import tempfile
import warnings

import lightning.pytorch as pl
import torch
from side_by_side import draw, options, print_heading, searches
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tunesmith.integrations.lightning import TunesmithCallback

EPOCHS = 9
WHAT = "A multilayer perceptron in Lightning on scikit-learn's digits"

torch.set_num_threads(1)  # matrices of this size are faster without company
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)  # it greets each run
warnings.filterwarnings("ignore", module="lightning")  # and advises on workers, which 1,000 small images do not need

X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16, dtype=torch.float32), torch.tensor(y)
rest, test = train_test_split(torch.arange(len(y)), test_size=400, random_state=0, stratify=y)
train, valid = train_test_split(rest, test_size=400, random_state=0, stratify=y[rest])


class Digits(pl.LightningModule):
    """A network whose hyperparameters are those of a trial."""

    def __init__(self, trial):
        super().__init__()
        width = trial.suggest_int("width", 8, 256, log=True)
        dropout = trial.suggest_float("dropout", 0.0, 0.6)
        self.net = nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, 10))
        self.rate = trial.suggest_float("learning_rate", 1e-4, 1.0, log=True)
        self.decay = trial.suggest_float("weight_decay", 1e-6, 1e-1, log=True)
        self.kind = trial.suggest_categorical("optimizer", ["adamw", "sgd"])
        self.momentum = trial.suggest_float("momentum", 0.0, 0.99) if self.kind == "sgd" else None

    def training_step(self, batch, index):
        return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def validation_step(self, batch, index):
        self.log("accuracy", (self.net(batch[0]).argmax(1) == batch[1]).float().mean())

    def test_step(self, batch, index):
        self.log("test", (self.net(batch[0]).argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self):
        if self.kind == "sgd":
            return torch.optim.SGD(self.parameters(), self.rate, momentum=self.momentum, weight_decay=self.decay)
        return torch.optim.AdamW(self.parameters(), self.rate / 10, weight_decay=self.decay)


def rows(of, size=400, shuffle=False):
    return DataLoader(TensorDataset(X[of], y[of]), size, shuffle=shuffle)


def objective(trial):
    pl.seed_everything(trial.seed, verbose=False)
    module = Digits(trial)
    callback = TunesmithCallback(trial, monitor="accuracy", cost=1)
    trainer = pl.Trainer(
        max_epochs=EPOCHS,
        callbacks=[callback],
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tempfile.gettempdir(),
    )
    batches = rows(train, trial.suggest_int("batch_size", 16, 256, log=True), shuffle=True)
    trainer.fit(module, batches, rows(valid), ckpt_path=callback.ckpt_path)
    value = trainer.callback_metrics["accuracy"].item()
    trial.set_user_attr("test", trainer.test(module, rows(test), verbose=False)[0]["test"])
    return value


def main():
    chosen = options("08_lightning", budget=81)
    print_heading(f"{WHAT}, {EPOCHS} epochs a run", chosen.budget)
    draw(searches(objective, chosen.budget), WHAT, chosen.picture)


if __name__ == "__main__":
    main()
