"""A few of each drill, to read."""

from random import Random

from drills import DRILLS

for kind in DRILLS:
    for seed in range(3):
        print(f"--- {kind.__name__}\n{kind(Random(seed))}")
