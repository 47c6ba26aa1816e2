// A training program with CLI11.
#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

int main(int argc, char **argv) {
    CLI::App app{"Train a network with --lr and the rest."};
    app.option_defaults()->always_capture_default();
    std::string data, out, optimizer = "adam";
    double lr = 0.01, weight_decay = 1e-4, dropout = 0.1;
    int hidden = 64, layers = 2, epochs = 20;
    bool nesterov = false;
    app.add_option("data", data, "Where the table is")->required();
    app.add_option("--lr", lr, "Step size")->check(CLI::PositiveNumber);
    app.add_option("--weight-decay", weight_decay, "Penalty of large weights")->check(CLI::NonNegativeNumber);
    app.add_option("--hidden", hidden, "Units of a layer");
    app.add_option("--layers", layers, "How many layers")->check(CLI::Range(1, 8));
    app.add_option("--dropout", dropout, "Rate")->check(CLI::Range(0.0, 0.9));
    app.add_option("--optimizer", optimizer, "What changes the weights")->check(CLI::IsMember({"sgd", "adam", "rmsprop"}));
    app.add_flag("--nesterov", nesterov, "Look ahead");
    app.add_option("-e,--epochs", epochs, "Rounds over the data");
    app.add_option("--out", out, "Where to write the model")->required();
    CLI11_PARSE(app, argc, argv);
    std::cout << "val_loss: " << (lr - 0.1) * (lr - 0.1) << "\n";
}
