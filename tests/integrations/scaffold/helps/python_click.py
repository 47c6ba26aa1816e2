"""A training program with click."""

import click


@click.command(context_settings={"show_default": True})
@click.option("--lr", default=0.01, help="Step size.")
@click.option("--weight-decay", default=1e-4, help="Penalty of large weights.")
@click.option("--hidden", default=64, help="Units of a layer.")
@click.option("--layers", type=click.IntRange(1, 8), default=2, help="How many layers.")
@click.option("--dropout", type=click.FloatRange(0, 0.9, max_open=True), default=0.1, help="Rate.")
@click.option("--optimizer", type=click.Choice(["sgd", "adam", "rmsprop"]), default="adam")
@click.option("--nesterov", is_flag=True, help="Look ahead.")
@click.option("-e", "--epochs", default=20, help="Rounds over the data.")
@click.option("--out", type=click.Path(), required=True, help="Where to write the model.")
@click.argument("data")
def train(lr, weight_decay, hidden, layers, dropout, optimizer, nesterov, epochs, out, data):
    """Train a network with --lr and the rest."""
    print("val_loss:", (lr - 0.1) ** 2)


train()
