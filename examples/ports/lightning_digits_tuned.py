"""The same script, tuned by tunesmith: it is pruned, paused and resumed, and survives ``kill -9``."""

import lightning as L
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

import tunesmith
from tunesmith.integrations.lightning import TunesmithCallback


class Classifier(L.LightningModule):
    def __init__(self, hidden=64, dropout=0.1, lr=1e-3):
        super().__init__()
        self.lr = lr
        self.net = nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, 10))

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, index):
        x, y = batch
        return nn.functional.cross_entropy(self(x), y)

    def validation_step(self, batch, index):
        x, y = batch
        self.log("val_loss", nn.functional.cross_entropy(self(x), y))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)


class Digits(L.LightningDataModule):
    def setup(self, stage):
        images, labels = load_digits(return_X_y=True)
        data = TensorDataset(torch.tensor(images, dtype=torch.float32) / 16, torch.tensor(labels))
        self.train, self.val = random_split(data, [1400, 397], torch.Generator().manual_seed(0))

    def train_dataloader(self):
        return DataLoader(self.train, batch_size=64, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.val, batch_size=397)


class Printer(L.Callback):
    def on_validation_end(self, trainer, module):
        if not trainer.sanity_checking:
            print(f"epoch {trainer.current_epoch + 1}: {trainer.callback_metrics['val_loss']:.4f}", flush=True)


def main(trial):
    L.seed_everything(1)
    hidden = trial.suggest_int("hidden", 8, 256, log=True)
    lr = trial.suggest_float("lr", 1e-4, 1e-1, log=True)
    model = Classifier(hidden=hidden, dropout=trial.suggest_float("dropout", 0, 0.5), lr=lr)
    tuning = TunesmithCallback(trial, monitor="val_loss")
    trainer = L.Trainer(
        max_epochs=10,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        callbacks=[Printer(), tuning],
    )
    trainer.fit(model, Digits(), ckpt_path=tuning.ckpt_path)
    return trainer.callback_metrics["val_loss"].item()


if __name__ == "__main__":
    study = tunesmith.create_study(storage="digits.db", study_name="digits", load_if_exists=True)
    study.optimize(main, n_trials_total=12)
