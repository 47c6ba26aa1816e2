// A training program with cxxopts.
#include <cxxopts.hpp>
#include <iostream>
#include <string>

int main(int argc, char **argv) {
    cxxopts::Options options("train", "Train a network with --lr and the rest.");
    options.add_options()
        ("lr", "Step size", cxxopts::value<double>()->default_value("0.01"))
        ("weight-decay", "Penalty of large weights", cxxopts::value<double>()->default_value("1e-4"))
        ("hidden", "Units of a layer", cxxopts::value<int>()->default_value("64"))
        ("layers", "How many layers, 1 to 8", cxxopts::value<int>()->default_value("2"))
        ("dropout", "Rate in [0, 0.9)", cxxopts::value<double>()->default_value("0.1"))
        ("optimizer", "What changes the weights: sgd, adam or rmsprop", cxxopts::value<std::string>()->default_value("adam"))
        ("nesterov", "Look ahead")
        ("e,epochs", "Rounds over the data", cxxopts::value<int>()->default_value("20"))
        ("out", "Where to write the model (required)", cxxopts::value<std::string>())
        ("h,help", "Print usage");
    const auto found = options.parse(argc, argv);
    if (found.count("help")) {
        std::cout << options.help() << std::endl;
        return 0;
    }
    const double lr = found["lr"].as<double>();
    std::cout << "val_loss: " << (lr - 0.1) * (lr - 0.1) << "\n";
}
