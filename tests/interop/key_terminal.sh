#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What `key` asks on a terminal.
. "$(dirname "$0")/lib.sh"
need jq python3
need_terminal
export HOME=$work
listed() { "$SIFKIT" key list --json "$@" | jq -r '.keys[].fingerprint'; }

# A terminal is asked for the passphrase, twice, and shows nothing of it.
cat >"$work/terminal.py" <<'END'
import os, pty, sys
answers, command = sys.argv[1].split(","), sys.argv[2:]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
seen = b""
while True:
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    seen += data
    if answers and seen.endswith((b": ", b") ")):
        os.write(fd, answers.pop(0).encode() + b"\n")
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
terminal() { python3 "$work/terminal.py" "$@" >"$work/seen"; }
terminal hush,hush "$SIFKIT" key newpair -q -N Terminal --keydir "$work/terminal"
if grep -q hush "$work/seen"; then
  echo "the terminal showed the passphrase"
  exit 1
fi
[ "$("$SIFKIT" key list -s --json --keydir "$work/terminal" | jq '.keys[0].locked')" = true ]
asked=$(listed --keydir "$work/terminal")
if terminal hush,hash "$SIFKIT" key newpair -q -N Other --keydir "$work/terminal"; then exit 1; else [ $? -eq 2 ]; fi
terminal 'Ada,ada@example.org,,hush,hush' "$SIFKIT" key newpair -q --keydir "$work/named"
[ "$("$SIFKIT" key list --json --keydir "$work/named" | jq -r '.keys[0].user_ids[0]')" = 'Ada <ada@example.org>' ]
if terminal no "$SIFKIT" key remove --secret "$asked" --keydir "$work/terminal"; then exit 1; else [ $? -eq 2 ]; fi
[ -n "$(listed -s --keydir "$work/terminal")" ]
terminal yes "$SIFKIT" key remove --secret "$asked" --keydir "$work/terminal"
[ -z "$(listed -s --keydir "$work/terminal" 2>/dev/null)" ]
