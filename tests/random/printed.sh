#!/bin/sh
# printed.sh PROGRAM COMPILER SOURCES LIBRARY CHECKED DIRECTORY: what the machine prints of a planted bug is a complete
# program against the public headers: it compiles without a warning, and fails; without the bug it runs well.
set -eu
if [ $# -ne 6 ]; then
  echo "usage: tests/random/printed.sh PROGRAM COMPILER SOURCES LIBRARY CHECKED DIRECTORY" >&2
  exit 2
fi
program=$1 compiler=$2 sources=$3 library=$4 checked=$5 directory=$6
cd "$directory"

"$program" --plant 1 --seed 1 --threads 1 --collector subtract --expect-at-most 6 --print printed.c

compile() {
  "$compiler" -std=c11 -Wall -Wextra -Werror -D_DEFAULT_SOURCE ${checked:+-DORR_CHECKED="$checked"} -DORR_RC=atomic \
    -DORR_RC_HEADER='"runtime/rc_atomic.h"' -DORR_ROOTED=1 -I"$sources" "$1" "$library" \
    -ljemalloc -lmimalloc -lz -lpthread -lm -ldl -o printed
}
compile printed.c
if ./printed > printed.log 2>&1; then
  cat printed.log
  echo "the printed program does not fail" >&2
  exit 1
fi
cat printed.log
sed 's/stage.plant = 1;/stage.plant = 0;/' printed.c > healthy.c
compile healthy.c
./printed
