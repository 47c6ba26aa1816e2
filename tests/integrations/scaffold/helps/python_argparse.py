"""A training program with argparse; its help tells the defaults only where a text says them."""

import argparse

parser = argparse.ArgumentParser(description="Train a network with --lr and the rest.")
parser.add_argument("data", help="where the table is")
parser.add_argument("--lr", "--learning-rate", type=float, default=0.01, help="step size (default: %(default)s)")
parser.add_argument("--weight-decay", type=float, default=1e-4, help="penalty of large weights; default: %(default)s")
parser.add_argument("--hidden", type=int, default=64, metavar="N", help="units of a layer (default: %(default)s)")
parser.add_argument("--layers", type=int, default=2, help="how many layers, between 1 and 8 (default: %(default)s)")
parser.add_argument("--dropout", type=float, default=0.1, help="rate in [0, 0.9) (default: %(default)s)")
parser.add_argument("--optimizer", choices=["sgd", "adam", "rmsprop"], default="adam", help="(default: %(default)s)")
parser.add_argument("--nesterov", action="store_true", help="look ahead")
parser.add_argument("-e", "--epochs", type=int, default=20, help="rounds over the data (default: %(default)s)")
parser.add_argument("--out", required=True, help="where to write the model")
args = parser.parse_args()
print("val_loss:", (args.lr - 0.1) ** 2)
