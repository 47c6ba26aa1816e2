// A training program with gflags.
#include <gflags/gflags.h>
#include <iostream>

DEFINE_double(lr, 0.01, "step size");
DEFINE_double(weight_decay, 1e-4, "penalty of large weights");
DEFINE_int32(hidden, 64, "units of a layer");
DEFINE_int32(layers, 2, "how many layers, 1 to 8");
DEFINE_double(dropout, 0.1, "rate, at least 0 and less than 0.9");
DEFINE_string(optimizer, "adam", "sgd, adam or rmsprop");
DEFINE_bool(nesterov, false, "look ahead");
DEFINE_int32(epochs, 20, "rounds over the data");
DEFINE_string(out, "", "where to write the model (required)");

int main(int argc, char **argv) {
    gflags::SetUsageMessage("train a network with --lr and the rest");
    gflags::ParseCommandLineFlags(&argc, &argv, true);
    std::cout << "val_loss: " << (FLAGS_lr - 0.1) * (FLAGS_lr - 0.1) << "\n";
}
