// A training program with cobra.
package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func main() {
	var lr float64
	train := &cobra.Command{
		Use:   "train DATA",
		Short: "Train a network with --lr and the rest.",
		Run: func(*cobra.Command, []string) {
			fmt.Println("val_loss:", (lr-0.1)*(lr-0.1))
		},
	}
	flags := train.Flags()
	flags.Float64Var(&lr, "lr", 0.01, "step size")
	flags.Float64("weight-decay", 1e-4, "penalty of large weights")
	flags.Int("hidden", 64, "units of a layer")
	flags.Int("layers", 2, "how many layers, 1 to 8")
	flags.Float64("dropout", 0.1, "rate in [0, 0.9)")
	flags.String("optimizer", "adam", "sgd, adam or rmsprop")
	flags.Bool("nesterov", false, "look ahead")
	flags.IntP("epochs", "e", 20, "rounds over the data")
	flags.String("out", "", "where to write the model (required)")
	train.Execute()
}
