"""A training program with fire."""

import fire


def train(
    data: str,
    out: str,
    lr: float = 0.01,
    weight_decay: float = 1e-4,
    hidden: int = 64,
    layers: int = 2,
    dropout: float = 0.1,
    optimizer: str = "adam",
    nesterov: bool = False,
    epochs: int = 20,
) -> None:
    """Train a network with --lr and the rest.

    Args:
        data: where the table is
        out: where to write the model
        lr: step size
        weight_decay: penalty of large weights
        hidden: units of a layer
        layers: how many layers, 1 to 8
        dropout: rate, at least 0 and at most 0.9
        optimizer: one of sgd, adam, rmsprop
        nesterov: look ahead
        epochs: rounds over the data
    """
    print("val_loss:", (lr - 0.1) ** 2)


fire.Fire(train)
