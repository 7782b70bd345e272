#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Random sequences of edits, each made by siftool and by sifkit on images of their own that are the same to the byte
# after every step. SEEDS: how many sequences.
[ -w /dev/shm ] && export TMPDIR=/dev/shm # thousands of syncs
. "$(dirname "$0")/lib.sh"
need siftool python3

python3 "$(dirname "$0")/random_edits.py" "$SIFKIT" "$work" "${SEEDS:-20}"
