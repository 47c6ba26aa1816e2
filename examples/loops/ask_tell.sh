#!/bin/sh
# A loop in a shell that tunes two settings of a program. It needs tunesmith and nothing else.
#
#     sh ask_tell.sh [STORAGE [TRIALS]]
#
# Run it again with more trials to go on, or start it several times at once: they share the work.
set -eu
storage=${1:-ask_tell.db}
trials=${2:-20}

# The program that is tuned: it gets its settings, and prints its loss.
train() {
    awk -v rate="$1" -v steps="$2" 'BEGIN {
        w = 0
        for (i = 0; i < steps; i++) w -= rate * 2 * (w - 3)
        print (w - 3) ^ 2 + 0.001 * steps
    }'
}

status=0
while
    # --pid: if this script is killed, its trial is run again. The last two options print "NUMBER RATE STEPS".
    trial=$(tunesmith ask --storage "$storage" --study shell --trials "$trials" --seed 1 --pid $$ --minimize loss \
        -p 'rate=log(1e-3, 1)' -p 'steps=int(1, 50)' --format value --flatten) || {
        status=$?
        false
    }
do
    set -- $trial
    if loss=$(train "$2" "$3"); then
        tunesmith tell "$1" "$loss" --storage "$storage" --study shell
    else
        tunesmith tell "$1" --fail --storage "$storage" --study shell
    fi
done
[ "$status" -eq 3 ] # no trial is left; any other status is an error
tunesmith show "$storage" --study shell
