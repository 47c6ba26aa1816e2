"""The same script, tuned by Optuna: it is pruned, and survives ``kill -9`` after a minute."""

import argparse
import os
import random

import numpy as np
import optuna
import torch
from sklearn.datasets import load_digits
from torch import nn, optim
from torch.nn import functional as F
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset

Retry = optuna.storages.RetryFailedTrialCallback


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3)
        self.dropout = nn.Dropout(0.25)
        self.fc1 = nn.Linear(288, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = self.dropout(torch.flatten(x, 1))
        return F.log_softmax(self.fc2(F.relu(self.fc1(x))), dim=1)


def train(args, model, device, loader, optimizer, epoch):
    model.train()
    for data, target in loader:
        data, target = data.to(device), target.to(device)
        optimizer.zero_grad()
        loss = F.nll_loss(model(data), target)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: training loss {loss.item():.4f}", flush=True)


def test(model, device, loader):
    model.eval()
    loss, correct = 0.0, 0
    with torch.no_grad():
        for data, target in loader:
            data, target = data.to(device), target.to(device)
            output = model(data)
            loss += F.nll_loss(output, target, reduction="sum").item()
            correct += (output.argmax(dim=1) == target).sum().item()
    loss /= len(loader.dataset)
    print(f"test loss {loss:.4f}, accuracy {correct}/{len(loader.dataset)}")
    return loss


def main(trial):
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--lr", type=float, default=trial.suggest_float("lr", 0.01, 10, log=True))
    parser.add_argument("--gamma", type=float, default=trial.suggest_float("gamma", 0.5, 1))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    device = torch.device(args.device)
    images, labels = load_digits(return_X_y=True)
    images = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
    labels = torch.tensor(labels)
    train_loader = DataLoader(TensorDataset(images[:1200], labels[:1200]), args.batch_size, shuffle=True)
    test_loader = DataLoader(TensorDataset(images[1200:], labels[1200:]), 200)

    model = Net().to(device)
    optimizer = optim.Adadelta(model.parameters(), lr=args.lr)
    scheduler = StepLR(optimizer, step_size=1, gamma=args.gamma)
    number = Retry.retried_trial_number(trial.study.trials[trial.number])
    path, begin = f"mnist-{trial.number if number is None else number}.pt", 1
    if os.path.exists(path):
        saved = torch.load(path, weights_only=False)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        scheduler.load_state_dict(saved["scheduler"])
        torch.set_rng_state(saved["torch"])
        np.random.set_state(saved["numpy"])
        random.setstate(saved["python"])
        begin = saved["epoch"] + 1
        for step, value in saved["losses"].items():
            trial.report(value, step)
    losses = saved["losses"] if begin > 1 else {}
    for epoch in range(begin, args.epochs + 1):
        train(args, model, device, train_loader, optimizer, epoch)
        loss = test(model, device, test_loader)
        scheduler.step()
        trial.report(loss, epoch)
        losses[epoch] = loss
        if epoch < args.epochs:
            kept = {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "scheduler": scheduler.state_dict(),
                "torch": torch.get_rng_state(),
                "numpy": np.random.get_state(),
                "python": random.getstate(),
                "epoch": epoch,
                "losses": losses,
            }
            torch.save(kept, path + ".part")
            os.replace(path + ".part", path)
        if trial.should_prune():
            break
    if os.path.exists(path):
        os.remove(path)
    if epoch < args.epochs:
        raise optuna.TrialPruned
    return loss


if __name__ == "__main__":
    storage = optuna.storages.RDBStorage(
        "sqlite:///mnist.db", heartbeat_interval=60, failed_trial_callback=Retry(inherit_intermediate_values=False)
    )
    study = optuna.create_study(storage=storage, study_name="mnist", load_if_exists=True)
    study.optimize(main, n_trials=12 - len(study.get_trials(states=[optuna.trial.TrialState.COMPLETE])))
