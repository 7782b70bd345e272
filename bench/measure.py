# SPDX-License-Identifier: Apache-2.0
"""What the programs of this directory share: commands that are run in turn, and the medians of what they took."""

import os
import statistics
import subprocess
import sys
import time
from typing import NamedTuple


class Cost(NamedTuple):
    wall: float  # seconds
    cpu: float  # seconds, user and system, of the command and what it waited for
    memory: float  # MiB, the peak of the largest process


def run(command):
    """Runs a shell command; its output is thrown away, and an error ends the program."""
    start = time.monotonic()
    process = subprocess.Popen(["sh", "-c", command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    if status != 0:
        sys.exit(f"failed: {command}\n{errors.decode(errors='replace')}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def alternate(rounds, commands, before=lambda name: None, after=lambda name, cost: None):
    """Medians by name. Each round runs each command once, so that a slow spell of the machine meets all of them. `after`
    may measure something that is to be compared with the command at once."""
    costs = {name: [] for name in commands}
    for number in range(1, rounds + 1):
        for name, command in commands.items():
            before(name)
            costs[name].append(run(command))
            after(name, costs[name][-1])
            print(f"round {number}, {name}: {costs[name][-1].wall:.3f} s", file=sys.stderr, flush=True)
    return {name: Cost(*(statistics.median(column) for column in zip(*runs))) for name, runs in costs.items()}
