# A network of one hidden layer learns a curve, in Julia. Tune it:
#
#     tunesmith init --wait 60 --minimize val_loss -- julia train.jl
#     tunesmith run --trials 20
#
# It needs the package ArgParse; nothing of tunesmith is in it. Julia compiles before it answers, hence --wait.
using ArgParse, Printf, Random

settings = ArgParseSettings(description = "Train a small network.")
@add_arg_table! settings begin
    "--lr"
        help = "step size"
        arg_type = Float64
        default = 0.01
    "--momentum"
        help = "share of the last step, in [0, 1)"
        arg_type = Float64
        default = 0.5
    "--hidden"
        help = "units, 1 to 64"
        arg_type = Int
        default = 8
    "--loss"
        help = "square or huber"
        default = "square"
    "--epochs"
        help = "rounds"
        arg_type = Int
        default = 20
end

function main(args)
    rng = MersenneTwister(parse(Int, get(ENV, "TUNESMITH_SEED", "0")) % 10000)
    x = 2 .* rand(rng, 300) .- 1
    y = sin.(3 .* x) .+ 0.1 .* randn(rng, 300)
    n = args["hidden"]
    w = [randn(rng, 2, n), 0.3 .* randn(rng, n + 1, 1)]
    step = [zero(part) for part in w]
    inputs(rows) = hcat(x[rows], ones(length(rows)))
    hidden(rows) = hcat(tanh.(inputs(rows) * w[1]), ones(length(rows)))
    for epoch in 1:args["epochs"]
        for rows in Iterators.partition(shuffle(rng, 1:200), 10)
            h = hidden(rows)
            error = h * w[2] .- y[rows]
            if args["loss"] == "huber"
                error = clamp.(error, -0.5, 0.5)
            end
            back = (error * w[2][1:n, :]') .* (1 .- h[:, 1:n] .^ 2)
            slopes = [inputs(rows)' * back, h' * error]
            for k in 1:2
                step[k] = args["momentum"] .* step[k] .- args["lr"] .* slopes[k] ./ length(rows)
                w[k] = w[k] .+ step[k]
            end
        end
        val = 201:300
        @printf("epoch %d val_loss: %.5f\n", epoch, sum(abs2, hidden(val) * w[2] .- y[val]) / length(val))
    end
end

main(parse_args(settings))
