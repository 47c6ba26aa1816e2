"""A neural network in plain PyTorch on handwritten digits: what pruning makes of the same number of epochs.

Seven hyperparameters are searched: learning rate, batch size, dropout, weight decay, width, the optimiser, and the
momentum, which only SGD has. The loop is an ordinary one; `trial.epochs` saves the state of the training after each
report, so that the search can pause a run, look at others, and go on with it where it stopped.

The scores on the validation rows choose the winner; the test rows were never looked at.

Run it:    python examples/06_pytorch_mlp.py [picture.png] [--budget EPOCHS]
It needs:  torch and scikit-learn (pip install 'tunesmith[torch,sklearn]'); with matplotlib it draws.
"""

import torch
from side_by_side import draw, options, print_heading, searches
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

import tunesmith

EPOCHS = 27
torch.set_num_threads(1)  # matrices of this size are faster without company
WHAT = "A multilayer perceptron on scikit-learn's digits"

X, y = load_digits(return_X_y=True)  # 1,797 images of 8 x 8 pixels
X, y = torch.tensor(X / 16, dtype=torch.float32), torch.tensor(y)
rest, test = train_test_split(torch.arange(len(y)), test_size=400, random_state=0, stratify=y)
train, valid = train_test_split(rest, test_size=400, random_state=0, stratify=y[rest])


def make_optimizer(trial, parameters):
    """SGD has a momentum, AdamW has none: the momentum is asked for where it exists."""
    rate = trial.suggest_float("learning_rate", 1e-4, 1.0, log=True)
    decay = trial.suggest_float("weight_decay", 1e-6, 1e-1, log=True)
    if trial.suggest_categorical("optimizer", ["adamw", "sgd"]) == "sgd":
        momentum = trial.suggest_float("momentum", 0.0, 0.99)
        return torch.optim.SGD(parameters, rate, momentum=momentum, weight_decay=decay)
    return torch.optim.AdamW(parameters, rate / 10, weight_decay=decay)


def accuracy(model, rows):
    model.eval()
    with torch.no_grad():
        return (model(X[rows]).argmax(1) == y[rows]).float().mean().item()


def objective(trial):
    torch.manual_seed(trial.seed)
    width = trial.suggest_int("width", 8, 256, log=True)
    dropout = nn.Dropout(trial.suggest_float("dropout", 0.0, 0.6))
    model = nn.Sequential(
        nn.Linear(64, width), nn.ReLU(), dropout, nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10)
    )
    optimizer = make_optimizer(trial, model.parameters())
    size = trial.suggest_int("batch_size", 16, 256, log=True)
    for epoch in trial.epochs(EPOCHS, state={"model": model, "optimizer": optimizer}):
        model.train()
        for batch in train[torch.randperm(len(train))].split(size):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(X[batch]), y[batch]).backward()
            optimizer.step()
        value = accuracy(model, valid)
        trial.report(value, epoch, cost=1)
        if trial.should_prune():
            raise tunesmith.TrialPruned
    trial.set_user_attr("test", accuracy(model, test))
    return value


def main():
    chosen = options("06_pytorch_mlp", budget=135)
    print_heading(f"{WHAT}, {EPOCHS} epochs a run", chosen.budget)
    draw(searches(objective, chosen.budget), WHAT, chosen.picture)


if __name__ == "__main__":
    main()
