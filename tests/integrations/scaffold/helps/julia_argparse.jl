# A training program with ArgParse. No Julia was at hand: the help beside it is written in the format that ArgParse
# documents, and not printed by it as the others are.
using ArgParse

settings = ArgParseSettings(description = "Train a network with --lr and the rest.")
@add_arg_table! settings begin
    "--lr"
        help = "step size"
        arg_type = Float64
        default = 0.01
    "--weight-decay"
        help = "penalty of large weights"
        arg_type = Float64
        default = 1e-4
    "--hidden"
        help = "units of a layer"
        arg_type = Int
        default = 64
    "--layers"
        help = "how many layers, 1..8"
        arg_type = Int
        default = 2
    "--dropout"
        help = "rate between 0 and 0.9"
        arg_type = Float64
        default = 0.1
    "--optimizer"
        help = "one of sgd, adam, rmsprop"
        default = "adam"
    "--nesterov"
        help = "look ahead"
        action = :store_true
    "--epochs", "-e"
        help = "rounds over the data"
        arg_type = Int
        default = 20
    "--out"
        help = "where to write the model"
        required = true
    "data"
        help = "where the table is"
        required = true
end
args = parse_args(settings)
println("val_loss: ", (args["lr"] - 0.1)^2)
