# SPDX-License-Identifier: Apache-2.0
"""random_edits.py SIFKIT FOLDER SEEDS: the same random edits by siftool and by sifkit, compared
after every step."""

import os
import random
import shutil
import subprocess
import sys

STEPS = 24


def edit(chance, directory):
    """One edit: its arguments, with None for the image. File system 6 is one that only Apptainer names."""
    kind = chance.choices(["add", "del", "setprim"], [6, 3, 2])[0]
    if kind != "add":
        return [kind, str(chance.randint(1, 9)), None]
    with open(f"{directory}/object", "wb") as file:
        file.write(chance.randbytes(chance.choice([0, 1, 4, 100, 4095, 4096, 4097, chance.randint(0, 70000)])))
    datatype = chance.randint(1, 11) if chance.random() < 0.98 else chance.choice([0, 12, -1])
    arguments = ["add", None, f"{directory}/object", "--datatype", str(datatype)]
    if datatype == 4 and chance.random() < 0.98:
        arguments += ["--parttype", str(chance.randint(1, 5)), "--partfs", str(chance.choice([1, 2, 3, 4, 5, 7])), "--partarch", str(chance.randint(1, 14))]
    if datatype == 5:
        arguments += ["--signhash", str(chance.randint(1, 6)), "--signentity", chance.randbytes(chance.choice([20, 20, 20, 19])).hex()]
    if datatype == 9:
        arguments += ["--sbomformat", chance.choice(["cyclonedx-json", "github", "github-json", "spdx-rdf", "syft-json", "nothing"])]
    if chance.random() < 0.6:
        arguments += ["--groupid", str(chance.choice([0, 1, 2, 3, 0x0FFFFFFF]))]
    if chance.random() < 0.3:
        arguments += ["--link", str(chance.choice([0, 1, 2, 40]))]
    if chance.random() < 0.3:
        arguments += ["--alignment", str(chance.choice([-5, 0, 1, 100, 512, 65536]))]
    if chance.random() < 0.4:
        arguments += ["--filename", chance.choice(["", "a", "name with spaces", "ü" * 64, "x" * 128])]
    return arguments


def run(program, arguments, image):
    return subprocess.run(program + [image if a is None else a for a in arguments], capture_output=True)


def contents(path):
    with open(path, "rb") as file:
        return file.read()


def main():
    sifkit, directory, seeds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    ours, theirs = f"{directory}/ours.sif", f"{directory}/theirs.sif"
    made = refused = 0
    for seed in range(seeds):
        chance = random.Random(seed)
        subprocess.run([sifkit, "sif", "new", "--force", "--deterministic", ours], check=True)
        shutil.copy(ours, theirs)
        for step in range(STEPS):
            arguments = edit(chance, directory)
            before = contents(ours)
            mine = run([sifkit, "sif"], arguments + ["--quiet"], ours)
            other = run(["siftool"], arguments, theirs)
            say = f"seed {seed}, step {step}: {' '.join('IMAGE' if a is None else a for a in arguments)}:"
            if (mine.returncode == 0) != (other.returncode == 0):
                sys.exit(f"{say} sifkit {mine.returncode} {mine.stderr}, siftool {other.returncode} {other.stderr}")
            if mine.returncode != 0:
                if contents(ours) != before:
                    sys.exit(f"{say} refused, but the image is another one")
                # siftool may have written some of what it then refused.
                shutil.copy(ours, theirs)
                refused += 1
                continue
            if contents(ours) != contents(theirs):
                sys.exit(f"{say} the images differ")
            made += 1
        for arguments in [["header"], ["list"]] + [[verb, str(number)] for verb in ["info", "dump"] for number in range(1, 10)]:
            mine = run([sifkit, "sif"], arguments + [None, "--quiet"], ours)
            other = run(["siftool"], arguments + [None], theirs)
            if mine.stdout != other.stdout or (mine.returncode == 0) != (other.returncode == 0):
                sys.exit(f"seed {seed}: {' '.join(arguments)} prints something else")
    names = sorted(os.listdir(directory))
    if names != ["object", "ours.sif", "theirs.sif"]:
        sys.exit(f"files are left behind: {names}")
    print(f"{made} edits compared, {refused} refused by both")


main()
