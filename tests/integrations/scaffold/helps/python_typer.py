"""A training program with typer."""

from enum import StrEnum
from typing import Annotated

import typer


class Optimizer(StrEnum):
    """What changes the weights."""

    sgd = "sgd"
    adam = "adam"
    rmsprop = "rmsprop"


def train(
    data: str,
    out: Annotated[str, typer.Option(help="Where to write the model.")],
    lr: Annotated[float, typer.Option(help="Step size.")] = 0.01,
    weight_decay: Annotated[float, typer.Option(help="Penalty of large weights.")] = 1e-4,
    hidden: Annotated[int, typer.Option(help="Units of a layer.")] = 64,
    layers: Annotated[int, typer.Option(min=1, max=8, help="How many layers.")] = 2,
    dropout: Annotated[float, typer.Option(min=0, max=0.9, help="Rate.")] = 0.1,
    optimizer: Optimizer = Optimizer.adam,
    nesterov: Annotated[bool, typer.Option(help="Look ahead.")] = False,
    epochs: Annotated[int, typer.Option("-e", "--epochs", help="Rounds over the data.")] = 20,
) -> None:
    """Train a network with --lr and the rest."""
    print("val_loss:", (lr - 0.1) ** 2)


typer.run(train)
