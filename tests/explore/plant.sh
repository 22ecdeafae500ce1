#!/bin/sh
# plant.sh ORIGINAL COPY SCRIPT - copies a file and puts a bug into it; fails if the sed script changes nothing.
set -eu
if [ $# -ne 3 ] || [ ! -r "$1" ] || [ ! -r "$3" ]; then
    echo "usage: plant.sh ORIGINAL COPY SCRIPT: a C file, where its copy goes, and a sed script" >&2
    exit 2
fi
mkdir -p "$(dirname "$2")"
sed -E -f "$3" "$1" > "$2"
if cmp -s "$1" "$2"; then
    echo "plant.sh: $3 changes nothing in $1" >&2
    exit 1
fi
