// A training program with clap.
use clap::{Parser, ValueEnum};

#[derive(Clone, Debug, ValueEnum)]
enum Optimizer {
    /// plain steps
    Sgd,
    /// steps of its own for each weight
    Adam,
    Rmsprop,
}

/// Train a network with --lr and the rest.
#[derive(Parser)]
struct Args {
    /// Where the table is
    data: String,
    /// Step size
    #[arg(long, default_value_t = 0.01)]
    lr: f64,
    /// Penalty of large weights
    #[arg(long, default_value_t = 1e-4)]
    weight_decay: f64,
    /// Units of a layer
    #[arg(long, value_name = "N", default_value_t = 64)]
    hidden: usize,
    /// How many layers, 1 to 8
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=8))]
    layers: u32,
    /// Rate in [0, 0.9)
    #[arg(long, default_value_t = 0.1)]
    dropout: f64,
    /// What changes the weights
    #[arg(long, value_enum, default_value_t = Optimizer::Adam)]
    optimizer: Optimizer,
    /// Look ahead
    #[arg(long)]
    nesterov: bool,
    /// Rounds over the data
    #[arg(short, long, default_value_t = 20)]
    epochs: u32,
    /// Where to write the model
    #[arg(long)]
    out: String,
}

fn main() {
    let args = Args::parse();
    println!("val_loss: {}", (args.lr - 0.1).powi(2));
}
