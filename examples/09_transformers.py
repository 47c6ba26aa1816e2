"""A tiny transformer, fine-tuned by Hugging Face's Trainer, with pruning.

The model is a BERT of one layer with random weights, so nothing is downloaded; it reads the 16 squares of an image as
16 words. With a pretrained model and a text the objective is the same. `TunesmithCallback` reports each evaluation,
stops the training where the search says so, and takes care of the checkpoints.

Run it:    python examples/09_transformers.py [picture.png] [--budget EPOCHS]
It needs:  transformers and scikit-learn (pip install 'tunesmith[transformers,sklearn]'); with matplotlib it draws.
"""

import tempfile

import numpy as np
import torch
from side_by_side import draw, options, print_heading, searches
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    PrinterCallback,
    Trainer,
    TrainingArguments,
    set_seed,
)
from transformers.utils import logging

from tunesmith.integrations.transformers import TunesmithCallback

EPOCHS = 18
WHAT = "A tiny transformer on scikit-learn's digits"

torch.set_num_threads(1)  # matrices of this size are faster without company
logging.set_verbosity_error()
logging.disable_progress_bar()

X, y = load_digits(return_X_y=True)
X = X.reshape(-1, 4, 2, 4, 2).mean((2, 4)).reshape(-1, 16)  # 4 x 4 squares of 4 pixels; each is a word, 0 to 16
data = [{"input_ids": torch.tensor(x, dtype=torch.long), "labels": int(label)} for x, label in zip(X, y, strict=True)]
rest, test = train_test_split(data, test_size=400, random_state=0, stratify=y)
train, valid = train_test_split(rest, test_size=400, random_state=0)


def accuracy(prediction):
    return {"accuracy": float(np.mean(prediction.predictions.argmax(1) == prediction.label_ids))}


def objective(trial):
    set_seed(trial.seed)
    size = 8 * trial.suggest_int("eighths", 2, 6)
    dropout = trial.suggest_float("dropout", 0.0, 0.4)
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=17,
            hidden_size=size,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=2 * size,
            max_position_embeddings=16,
            num_labels=10,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
        )
    )
    callback = TunesmithCallback(trial, monitor="accuracy", cost=1)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=EPOCHS,
            learning_rate=trial.suggest_float("learning_rate", 1e-4, 3e-2, log=True),
            weight_decay=trial.suggest_float("weight_decay", 1e-4, 0.3, log=True),
            warmup_steps=trial.suggest_int("warmup", 0, 40),
            per_device_train_batch_size=trial.suggest_int("batch_size", 16, 128, log=True),
            per_device_eval_batch_size=400,
            eval_strategy="epoch",
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            seed=trial.seed,
        )
        trainer = Trainer(
            model, arguments, train_dataset=train, eval_dataset=valid, compute_metrics=accuracy, callbacks=[callback]
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train(resume_from_checkpoint=callback.checkpoint)
        trial.set_user_attr("test", trainer.predict(test).metrics["test_accuracy"])
        return trainer.evaluate()["eval_accuracy"]


def main():
    chosen = options("09_transformers", budget=108)
    print_heading(f"{WHAT}, {EPOCHS} epochs a run", chosen.budget)
    draw(searches(objective, chosen.budget), WHAT, chosen.picture)


if __name__ == "__main__":
    main()
