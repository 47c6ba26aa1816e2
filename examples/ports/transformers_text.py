"""A script as people write it with Transformers: a small BERT that classifies sequences, by the Trainer."""

import numpy as np
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)


class Sequences(torch.utils.data.Dataset):
    """Sequences of tokens; the label says whether token 1 or token 2 is there more often."""

    def __init__(self, n, seed):
        tokens = np.random.default_rng(seed).integers(1, 8, (n, 15))
        self.tokens = torch.tensor(tokens)
        self.labels = torch.tensor(((tokens == 1).sum(1) > (tokens == 2).sum(1)).astype(int))

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return {"input_ids": self.tokens[i], "labels": self.labels[i]}


def compute_metrics(prediction):
    return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}


class Printer(TrainerCallback):
    def on_evaluate(self, args, state, control, metrics, **others):
        print(f"epoch {state.epoch:.0f}: {metrics['eval_accuracy']:.3f}", flush=True)


def main():
    set_seed(1)
    config = BertConfig(
        vocab_size=8,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=16,
        num_labels=2,
    )
    model = BertForSequenceClassification(config)
    arguments = TrainingArguments(
        output_dir="text-output",
        num_train_epochs=6,
        per_device_train_batch_size=32,
        learning_rate=1e-3,
        weight_decay=0.01,
        eval_strategy="epoch",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=Sequences(1024, 0),
        eval_dataset=Sequences(256, 1),
        compute_metrics=compute_metrics,
        callbacks=[Printer()],
    )
    trainer.train()
    print(trainer.evaluate()["eval_accuracy"])


if __name__ == "__main__":
    main()
