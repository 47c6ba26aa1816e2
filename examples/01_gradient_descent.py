"""Why a hyperparameter matters: one line fitted by gradient descent, at four learning rates.

Gradient descent walks downhill on a loss L, one step after another:

    w := w - eta * dL/dw

The weights w are learnt. The learning rate eta is not: somebody has to choose it before the training starts, and
that is what makes it a *hyperparameter*. Here everything but eta stays the same - data, start, number of steps.

Run it:    python examples/01_gradient_descent.py [picture.png or picture.svg]
It needs:  numpy; with matplotlib (pip install matplotlib) it draws, without it prints a chart of letters.
"""

import sys
from pathlib import Path

import numpy as np
from spoken import labels, print, said

STEPS = 50
RATES = [0.001, 0.01, 0.1, 0.42]

# 100 points around the line y = 1 + 2x. The column of ones lets the first weight be the intercept.
rng = np.random.default_rng(0)
x = rng.uniform(0, 2, 100)
y = 1 + 2 * x + rng.normal(0, 0.5, 100)
X = np.column_stack([np.ones_like(x), x])


def loss(w):
    """Mean squared error of the line w[0] + w[1] x."""
    return np.mean((X @ w - y) ** 2)


def gradient(w):
    """dL/dw: which way is uphill, and how steep it is."""
    return 2 / len(y) * X.T @ (X @ w - y)


def descend(eta):
    """The loss before the first step and after each one."""
    w = np.zeros(2)
    losses = [loss(w)]
    for _ in range(STEPS):
        w = w - eta * gradient(w)
        losses.append(loss(w))
    return losses


# A line has a best fit in closed form: no training gets below its loss, so we know how far there is to go.
floor = loss(np.linalg.lstsq(X, y)[0])

# For this loss we even know where descent ends: a step longer than 2 / (largest curvature) leads out of the valley.
# For a neural network nobody knows that number, and eta has to be searched for: see the next examples.
limit = 2 / np.linalg.eigvalsh(2 / len(y) * X.T @ X).max()


def verdict(eta, losses):
    """What happened, in one word."""
    if losses[-1] > losses[0]:
        return "diverges"
    return "converges" if losses[-1] < 1.05 * floor else "too slow"


def print_table(curves):
    print(f"gradient descent on a linear regression, {STEPS} steps each; the best possible loss is {floor:.4f}\n")
    print("     eta   loss at start   after 10 steps   after 50 steps")
    for eta, losses in curves.items():
        print(f"{eta:8} {losses[0]:15.4g} {losses[10]:16.4g} {losses[-1]:16.4g}   {said(verdict(eta, losses))}")
    print(f"\nAny eta above {limit:.3f} makes the steps too long: they jump across the valley and land ever higher.")
    print("The data and the code are the same in every row. Only the hyperparameter differs.")


def print_chart(curves, height=14):
    """The same curves in letters, for terminals: log10 of the loss upwards, steps to the right."""
    low, high = np.log10(floor), np.log10(max(map(max, curves.values())))
    canvas = [[" "] * (STEPS + 1) for _ in range(height)]
    for letter, losses in zip("abcdefgh", curves.values(), strict=False):
        for step, value in enumerate(losses):
            row = round((high - np.log10(value)) / (high - low) * (height - 1))
            canvas[row][step] = letter
    print(f"\n{10**high:8.3g} +")
    for row in canvas:
        print("         |" + "".join(row))
    print(f"{10**low:8.3g} +" + "-" * (STEPS + 1) + f"\n          step 0{'step ' + str(STEPS):>{STEPS - 5}}")
    print("   " + "   ".join(f"{letter}: eta={eta}" for letter, eta in zip("abcdefgh", curves, strict=False)))


def draw(curves, path):
    """One picture of all curves; raises ImportError without matplotlib."""
    import matplotlib

    matplotlib.use("agg")  # draw into a file, also where there is no screen
    matplotlib.rcParams["svg.hashsalt"] = "tunesmith"  # the same curves give the same file
    import matplotlib.pyplot as plt

    label = labels()
    colours = ["#4a97cf", "#08519c", "#238b45", "#cb181d"]  # too slow: blues, converging: green, diverging: red
    fig, ax = plt.subplots(figsize=(7.5, 4.4), layout="constrained")
    for (eta, losses), colour in zip(curves.items(), colours, strict=True):
        ax.plot(losses, color=colour, lw=2)
        # The name of a curve stands at its end, where the eye arrives; a legend would have to be looked up.
        ax.annotate(
            label(f"η = {eta}: {verdict(eta, losses)}"), (STEPS, losses[-1]), (6, 0), textcoords="offset points",
            color=colour, va="center", fontsize=9,
        )  # fmt: skip
    ax.axhline(floor, color="0.6", ls=":", lw=1)
    ax.annotate(
        label("best possible"), (0, floor), (2, -3), textcoords="offset points", color="0.4", va="top", fontsize=9
    )
    ax.set(
        yscale="log", xlim=(0, STEPS), xlabel=label("gradient descent step"),
        ylabel=label("loss (mean squared error)"), title=label("The same training at four learning rates η"),
    )  # fmt: skip
    ax.spines[["top", "right"]].set_visible(False)
    fig.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)


def main():
    curves = {eta: descend(eta) for eta in RATES}
    print_table(curves)
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("gradient_descent.png")
    try:
        draw(curves, path)
    except ImportError:
        print("\nmatplotlib is not installed (pip install matplotlib), so here is the picture in letters:")
        print_chart(curves)
    else:
        print(f"\nThe curves are in {path}")


if __name__ == "__main__":
    main()
