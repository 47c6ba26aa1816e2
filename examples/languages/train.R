#!/usr/bin/env Rscript
# A network of one hidden layer learns a curve, in R. Tune it:
#
#     tunesmith init --minimize val_loss -- Rscript train.R
#     tunesmith run --trials 20
#
# It needs the package optparse; nothing of tunesmith is in it.
library(optparse)

parser <- OptionParser(description = "Train a small network.")
parser <- add_option(parser, "--lr", type = "double", default = 0.01, help = "step size [default %default]")
parser <- add_option(parser, "--momentum", type = "double", default = 0.5,
                     help = "share of the last step, in [0, 1) [default %default]")
parser <- add_option(parser, "--hidden", type = "integer", default = 8L, help = "units, 1 to 64 [default %default]")
parser <- add_option(parser, "--loss", default = "square", help = "square or huber [default %default]")
parser <- add_option(parser, "--epochs", type = "integer", default = 20L, help = "rounds [default %default]")
args <- parse_args(parser)

set.seed(as.integer(Sys.getenv("TUNESMITH_SEED", "0")) %% 10000L)
x <- runif(300, -1, 1)
y <- sin(3 * x) + rnorm(300, sd = 0.1)
train <- 1:200
val <- 201:300
w <- list(matrix(rnorm(2 * args$hidden), 2), matrix(rnorm(args$hidden + 1, sd = 0.3), ncol = 1))
step <- lapply(w, function(part) part * 0)

hidden <- function(rows) cbind(tanh(cbind(x[rows], 1) %*% w[[1]]), 1)
for (epoch in seq_len(args$epochs)) {
  for (rows in split(sample(train), rep(1:20, each = 10))) {
    h <- hidden(rows)
    error <- h %*% w[[2]] - y[rows]
    if (args$loss == "huber") error <- pmax(-0.5, pmin(0.5, error))
    back <- (error %*% t(w[[2]][1:args$hidden, , drop = FALSE])) * (1 - h[, 1:args$hidden]^2)
    slopes <- list(t(cbind(x[rows], 1)) %*% back, t(h) %*% error)
    for (k in 1:2) {
      step[[k]] <- args$momentum * step[[k]] - args$lr * slopes[[k]] / length(rows)
      w[[k]] <- w[[k]] + step[[k]]
    }
  }
  cat(sprintf("epoch %d val_loss: %.5f\n", epoch, mean((hidden(val) %*% w[[2]] - y[val])^2)))
}
