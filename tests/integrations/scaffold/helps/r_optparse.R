# A training program with optparse.
library(optparse)
parser <- OptionParser(usage = "%prog [options] DATA", description = "Train a network with --lr and the rest.")
parser <- add_option(parser, c("-l", "--lr"), type = "double", default = 0.01, help = "Step size [default %default]")
parser <- add_option(parser, "--weight-decay", type = "double", default = 1e-4,
                     help = "Penalty of large weights [default %default]")
parser <- add_option(parser, "--hidden", type = "integer", default = 64L, metavar = "N",
                     help = "Units of a layer [default %default]")
parser <- add_option(parser, "--layers", type = "integer", default = 2L, help = "How many layers, 1 to 8 [default %default]")
parser <- add_option(parser, "--dropout", type = "double", default = 0.1,
                     help = "Rate, at least 0 and less than 0.9 [default %default]")
parser <- add_option(parser, "--optimizer", default = "adam", help = "sgd, adam or rmsprop [default %default]")
parser <- add_option(parser, "--nesterov", action = "store_true", default = FALSE, help = "Look ahead")
parser <- add_option(parser, c("-e", "--epochs"), type = "integer", default = 20L,
                     help = "Rounds over the data [default %default]")
parser <- add_option(parser, "--out", help = "Where to write the model (required)")
args <- parse_args(parser)
cat("val_loss:", (args$lr - 0.1)^2, "\n")
