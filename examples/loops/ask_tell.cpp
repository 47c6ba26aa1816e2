// A loop in C++ that tunes two settings of the program itself. It needs no library, but the program tunesmith.
//
//     c++ -std=c++17 -o ask_tell ask_tell.cpp && ./ask_tell [STORAGE [TRIALS]]
//
#include <array>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

struct Answer {
    int status;
    std::string text;
};

Answer run(const std::string &command) {
    FILE *pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
    std::string text;
    std::array<char, 256> part{};
    while (fgets(part.data(), part.size(), pipe) != nullptr) text += part.data();
    const int ended = pclose(pipe);
    return {WIFEXITED(ended) ? WEXITSTATUS(ended) : 1, text};
}

// What is tuned: gradient descent on a parabola, and each step costs something.
double train(double rate, int steps) {
    double w = 0;
    for (int i = 0; i < steps; i++) w -= rate * 2 * (w - 3);
    return (w - 3) * (w - 3) + 0.001 * steps;
}

int main(int argc, char **argv) {
    const std::string storage = argc > 1 ? argv[1] : "ask_tell.db";
    const std::string trials = argc > 2 ? argv[2] : "20";
    const std::string study = " --study cpp --storage '" + storage + "'";
    // --pid: if this program crashes, its trial is run again. The last two options print "NUMBER RATE STEPS".
    const std::string ask = "tunesmith ask" + study + " --trials " + trials + " --seed 1 --pid " +
                            std::to_string(getpid()) +
                            " --minimize loss -p 'rate=log(1e-3, 1)' -p 'steps=int(1, 50)' --format value --flatten";
    const int nothing_left = 3;
    while (true) {
        const Answer asked = run(ask);
        if (asked.status == nothing_left) break;
        if (asked.status != 0) return asked.status;
        int number = 0, steps = 0;
        double rate = 0;
        std::istringstream(asked.text) >> number >> rate >> steps;
        std::ostringstream tell;
        tell.precision(17);
        tell << "tunesmith tell " << number << " " << train(rate, steps) << study;
        const Answer told = run(tell.str());
        if (told.status != 0) return told.status;
        std::cout << told.text;
    }
    std::cout << run("tunesmith show '" + storage + "' --study cpp").text;
    return 0;
}
