"""A tiny GPT on characters: its learning rate tuned at twelve scales, and predicted for larger ones.

Four widths and three numbers of steps are twelve scales. At each of them a study tunes the learning rate with a few
runs. The law of eleven scales then says what to set at the largest one, and that is held against what the study there
found. At last the law of all twelve says what to set in a model that is twice as wide, which nobody has trained, and a
study of it begins there. The text is made here: words of a made-up language, of which each calls for certain others.

Run it:    python examples/12_scaling_char_gpt.py [report.html] [--quick]
It needs:  torch (pip install 'tunesmith[torch]'); about six minutes on one core, with --quick seconds
"""

import argparse
import math
import time

import torch
from spoken import print
from torch import nn

import tunesmith
from tunesmith import Float
from tunesmith.report import write_report
from tunesmith.scaling import ScalingLaw, ScalingResults

torch.set_num_threads(1)  # matrices of this size are faster without company
WIDTHS, STEPS, RUNS = (16, 32, 64, 128), (75, 150, 300), 8
QUICK = ((8, 16, 24, 32), (8, 16, 32), 4)
LAYERS, CONTEXT, BATCH = 2, 32, 16
RATES = Float(3e-4, 1e-1, log=True)


def language(n_words, seed=0):
    """Characters of a made-up language, as numbers: 300 words, each of which is followed by one of eight others."""
    rng = torch.Generator().manual_seed(seed)
    letters = "abcdefghijklmnopqrst"
    words = [
        "".join(letters[i] for i in torch.randint(len(letters), (int(n),), generator=rng))
        for n in torch.randint(2, 8, (300,), generator=rng)
    ]
    following = torch.randint(300, (300, 8), generator=rng).tolist()
    which = torch.randint(8, (n_words,), generator=rng).tolist()
    text, word = [], 0
    for choice in which:
        word = following[word][choice]
        text.append(words[word])
    alphabet = " " + letters
    return torch.tensor([alphabet.index(c) for c in " ".join(text)]), len(alphabet)


TEXT, N_LETTERS = language(60_000)
WINDOWS = TEXT.unfold(0, CONTEXT + 1, 1)
TRAIN, VALID = WINDOWS[:-20_000], WINDOWS[-19_000 :: 2 * CONTEXT]


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.heads = max(1, width // 16)
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.inside, self.outside = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.perceptron = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        parts = self.inside(self.before(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = nn.functional.scaled_dot_product_attention(*parts, is_causal=True)
        x = x + self.outside(seen.transpose(1, 2).flatten(2))
        return x + self.perceptron(self.between(x))


class GPT(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.letters, self.places = nn.Embedding(N_LETTERS, width), nn.Embedding(CONTEXT, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(LAYERS))
        self.end, self.head = nn.LayerNorm(width), nn.Linear(width, N_LETTERS)

    def forward(self, x):
        h = self.letters(x) + self.places.weight
        for block in self.blocks:
            h = block(h)
        return self.head(self.end(h))


def loss_of(model, windows):
    return nn.functional.cross_entropy(model(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten())


def share_of_rate(step, steps):
    """A warm-up over a tenth of the steps, and then a cosine to 0."""
    return min((step + 1) / (0.1 * steps), 0.5 + 0.5 * math.cos(math.pi * step / steps))


def train(width, steps, rate, seed):
    """Train one model, and return its loss on text that it has not seen."""
    torch.manual_seed(seed)
    model = GPT(width)
    optimizer = torch.optim.AdamW(model.parameters(), rate, betas=(0.9, 0.95), fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: share_of_rate(step, steps))
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(model, TRAIN[torch.randint(len(TRAIN), (BATCH,))]).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        return loss_of(model, VALID).item()


def size(width, steps):
    """Parameters without embeddings, and tokens."""
    return {"params": 12 * LAYERS * width**2, "tokens": steps * BATCH * CONTEXT}


def tune(width, steps, runs):
    """Tune the learning rate of one scale; the runs are spread evenly over the range."""
    study = tunesmith.create_study(
        space={"lr": RATES}, sampler="qmc", pruner="nop", seed=0, study_name=f"{width}/{steps}"
    )
    study.optimize(lambda trial: train(width, steps, trial.params["lr"], trial.seed), n_trials=runs)
    return study


def law_of(studies):
    sizes = [size(*scale) for scale in studies]
    scale = {name: [one[name] for one in sizes] for name in sizes[0]}
    return ScalingLaw.from_studies(list(studies.values()), scale=scale)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("report", nargs="?", help="where to write a report of the law")
    parser.add_argument("--quick", action="store_true", help="models and runs that are too small to say much")
    chosen = parser.parse_args()
    widths, steps, runs = QUICK if chosen.quick else (WIDTHS, STEPS, RUNS)
    start = time.perf_counter()
    print(f"{'width':>5} {'steps':>5} {'params':>8} {'tokens':>8} {'best lr':>8} {'loss':>7}")
    studies = {}
    for width in widths:
        for n in steps:
            study = studies[width, n] = tune(width, n, runs)
            sizes = size(width, n)
            print(
                f"{width:5} {n:5} {sizes['params']:8,} {sizes['tokens']:8,} {study.best_params['lr']:8.2e} "
                f"{study.best_value:7.4f}"
            )
    print(f"{runs * len(studies)} runs took {time.perf_counter() - start:.0f} seconds.\n")

    largest = (widths[-1], steps[-1])
    found = law_of({scale: study for scale, study in studies.items() if scale != largest}).predict(size(*largest))
    reached = train(*largest, found["lr"].value, seed=0)
    best = studies[largest]
    print(f"{found}\n")
    print(f"One run with that learning rate: {reached:.4f}. The best of {runs} runs there: {best.best_value:.4f},")
    print(f"with a learning rate of {best.best_params['lr']:.2e}.\n")

    law = law_of(studies)
    larger = size(2 * widths[-1], steps[-1])
    advice = law.predict(larger)
    print(advice)
    study = tunesmith.create_study(space={"lr": RATES}, warm_start=law.prior(larger), seed=0)
    print(f"A study of that scale begins with a learning rate of {study.ask().params['lr']:.2e}.")
    if chosen.report:
        write_report(ScalingResults(law, [advice], [law.plan(larger, budget=0.2)]), chosen.report)
        print(f"report: {chosen.report}")


if __name__ == "__main__":
    main()
