// A network of one hidden layer learns a curve, in C++. Build and tune it:
//
//     c++ -std=c++17 -O2 -o train train.cpp
//     tunesmith init --minimize val_loss -- ./train
//     tunesmith run --trials 20
//
// It needs the header of CLI11; nothing of tunesmith is in it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <random>
#include <string>
#include <vector>

int main(int argc, char **argv) {
    CLI::App app{"Train a small network."};
    app.option_defaults()->always_capture_default();
    double lr = 0.01, momentum = 0.5;
    int hidden = 8, epochs = 20;
    std::string loss = "square";
    app.add_option("--lr", lr, "step size")->check(CLI::PositiveNumber);
    app.add_option("--momentum", momentum, "share of the last step")->check(CLI::Range(0.0, 0.999));
    app.add_option("--hidden", hidden, "units")->check(CLI::Range(1, 64));
    app.add_option("--loss", loss, "what is minimized")->check(CLI::IsMember({"square", "huber"}));
    app.add_option("--epochs", epochs, "rounds");
    CLI11_PARSE(app, argc, argv);

    const char *seed = std::getenv("TUNESMITH_SEED");
    std::mt19937 random(seed == nullptr ? 0 : std::strtoul(seed, nullptr, 10) % 10000);
    std::uniform_real_distribution<double> place(-1, 1);
    std::normal_distribution<double> normal;
    std::vector<double> x(300), y(300);
    for (int i = 0; i < 300; i++) {
        x[i] = place(random);
        y[i] = std::sin(3 * x[i]) + 0.1 * normal(random);
    }
    // Of each unit: slope, shift, and weight in the sum; at the end, the shift of the sum.
    std::vector<double> w(3 * hidden + 1), step(w.size()), slopes(w.size()), h(hidden);
    for (double &one : w) one = normal(random);
    const auto predicted = [&](double at) {
        double sum = w.back();
        for (int j = 0; j < hidden; j++) sum += w[3 * j + 2] * (h[j] = std::tanh(w[3 * j] * at + w[3 * j + 1]));
        return sum;
    };
    std::vector<int> rows(200);
    std::iota(rows.begin(), rows.end(), 0);
    for (int epoch = 1; epoch <= epochs; epoch++) {
        std::shuffle(rows.begin(), rows.end(), random);
        for (int begin = 0; begin < 200; begin += 10) {
            std::fill(slopes.begin(), slopes.end(), 0);
            for (int k = begin; k < begin + 10; k++) {
                double error = predicted(x[rows[k]]) - y[rows[k]];
                if (loss == "huber") error = std::clamp(error, -0.5, 0.5);
                slopes.back() += error;
                for (int j = 0; j < hidden; j++) {
                    const double back = error * w[3 * j + 2] * (1 - h[j] * h[j]);
                    slopes[3 * j] += back * x[rows[k]];
                    slopes[3 * j + 1] += back;
                    slopes[3 * j + 2] += error * h[j];
                }
            }
            for (std::size_t j = 0; j < w.size(); j++) w[j] += step[j] = momentum * step[j] - lr * slopes[j] / 10;
        }
        double sum = 0;
        for (int i = 200; i < 300; i++) sum += std::pow(predicted(x[i]) - y[i], 2);
        std::printf("epoch %d val_loss: %.5f\n", epoch, sum / 100);
    }
    return 0;
}
