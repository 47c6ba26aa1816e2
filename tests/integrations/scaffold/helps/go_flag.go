// A training program with Go's flag.
package main

import (
	"flag"
	"fmt"
)

func main() {
	lr := flag.Float64("lr", 0.01, "step size")
	flag.Float64("weight-decay", 1e-4, "penalty of large weights")
	flag.Int("hidden", 64, "`units` of a layer")
	flag.Int("layers", 2, "how many layers, 1 to 8")
	flag.Float64("dropout", 0.1, "rate in [0, 0.9)")
	flag.String("optimizer", "adam", "sgd, adam or rmsprop")
	flag.Bool("nesterov", false, "look ahead")
	flag.Int("epochs", 20, "rounds over the data")
	flag.String("out", "", "where to write the model (required)")
	flag.Parse()
	fmt.Println("val_loss:", (*lr-0.1)*(*lr-0.1))
}
