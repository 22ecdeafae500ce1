#!/usr/bin/env bash
# nightly.sh - tests/nightly.sh over tiers made up here: what they count becomes a table, a tier that goes wrong is a
# row that says so and stops nobody, and a tier that did not run keeps its rows.
# shellcheck source=tests/cli/expect.sh
source "$(dirname "$0")/expect.sh"
orrery=$work/tests/nightly.sh
page=$work/tests/README.md

mkdir tests
cp "$root/tests/nightly.sh" tests/
echo 'orr_packages() { :; }' >tests/packages.sh # nothing is installed for tiers that are made up

# Gives a tier of the made-up tree its script.
tier() {
    { echo '#!/bin/sh'; cat; } >"tests/$1.sh"
    chmod +x "tests/$1.sh"
}
has_row() {
    grep -qxF -- "$1" "$page" || fails "$command: no row \"$1\" in: $(cat "$page")"
}

cat >tests/nightly.list <<'END'
# a comment
counts 1 tests/counts.sh long
counts 1 tests/more.sh
short 1 tests/short.sh
ends 1 tests/ends.sh
slow 0.01 tests/slow.sh
silent 1 tests/silent.sh
garbled 1 tests/garbled.sh
absent 1 tests/absent.sh
END
cat >"$page" <<'END'
before
<!-- proof -->
| tier | what | figure | bar | | date | minutes |
|---|---|---|---|---|---|---|
| absent | dreams | 7 | - | - | 2001-02-03 | 4.0 |
| gone | a tier that is not in the list | 1 | - | - | 2001-02-03 | 4.0 |
<!-- end of proof -->
after
END
tier counts <<'END'
[ "$1" = long ] || exit 9
printf 'counts\tstates\t60000000\tsum\t>= 100000000\ncounts\tworst\t3\tmax\t<= 5\n' >>"$ORR_FIGURES"
printf 'counts\tleast, per cent\t95.5\tmin\t>= 88.5\nother\tstates\t1\tsum\t== 0\n' >>"$ORR_FIGURES"
END
tier more <<'END'
printf 'counts\tstates\t60000001\tsum\t>= 100000000\ncounts\tworst\t4\tmax\t<= 5\n' >>"$ORR_FIGURES"
printf 'counts\tleast, per cent\t90.25\tmin\t>= 88.5\ncounts\tseen\t2\tsum\t-\n' >>"$ORR_FIGURES"
END
tier short <<'END'
printf 'short\tkilled\t9\tsum\t>= 10\nshort\tescaped\t1\tsum\t== 0\nshort\tbelow\t4\tsum\t< 4\n' >>"$ORR_FIGURES"
END
tier ends <<'END'
printf 'ends\truns\t1\tsum\t> 0\n' >>"$ORR_FIGURES"
exit 3
END
tier slow <<'END'
printf 'slow\truns\t1\tsum\t-\n' >>"$ORR_FIGURES"
sleep 60
END
tier silent <<'END'
exit 0
END
tier garbled <<'END'
printf 'garbled\truns\tmany\tsum\t-\ngarbled runs 1 sum -\ngarbled\tfine\t1\tsum\t-\n' >>"$ORR_FIGURES"
END
today=$(date -u +%F)

expect 0 counts
has_row "| counts | states | 120000001 | >= 100000000 | met | $today | 0.0 |"
has_row "| counts | worst | 4 | <= 5 | met | $today | 0.0 |"
has_row "| counts | least, per cent | 90.25 | >= 88.5 | met | $today | 0.0 |"
has_row "| counts | seen | 2 | - | - | $today | 0.0 |"
has_row "| absent | dreams | 7 | - | - | 2001-02-03 | 4.0 |"
has_row before
has_row after
says "| absent | dreams |"
! grep -q -e '| gone |' -e '| other |' "$page" || fails "rows of no tier of the list: $(cat "$page")"

expect 1 short counts
[ "$(grep -c '^| counts |' "$page")" -eq 4 ] || fails "rows are not replaced: $(cat "$page")"
[ "$(grep -n '^| counts' "$page" | head -1 | cut -d: -f1)" -eq 5 ] || fails "not in the order of the list"
has_row "| short | killed | 9 | >= 10 | MISSED | $today | 0.0 |"
has_row "| short | escaped | 1 | == 0 | MISSED | $today | 0.0 |"
has_row "| short | below | 4 | < 4 | MISSED | $today | 0.0 |"

# The rows of a tier that did not run count for nothing; so this succeeds, though short has missed its bars.
expect 0 counts

expect 1
has_row "| ends | runs | 1 | > 0 | met | $today | 0.0 |"
has_row "| ends | tests/ends.sh | ended with 3 | ends with 0 | MISSED | $today | 0.0 |"
has_row "| silent | figures of this tier | none | some | MISSED | $today | 0.0 |"
has_row "| garbled | a line of figures | garbled runs many sum - | is well formed | MISSED | $today | 0.0 |"
has_row "| garbled | a line of figures | garbled runs 1 sum - | is well formed | MISSED | $today | 0.0 |"
has_row "| garbled | fine | 1 | - | - | $today | 0.0 |"
has_row "| absent | tests/absent.sh | is missing | ends with 0 | MISSED | $today | 0.0 |"
grep -q '^| slow | tests/slow.sh | stopped after 0.01 minutes | ends with 0 | MISSED |' "$page" ||
    fails "a tier without end is not stopped: $(cat "$page")"
! grep -q dreams "$page" || fails "old rows stay beside new ones"
[ "$(sed -n '$p' "$page")" = after ] || fails "what follows the table is lost"

expect 2 counts counting
is_one_sentence
complains 'there is no tier "counting"; the tiers are: counts short ends slow silent garbled absent'
grep -v '^<!--' "$page" >plain && cp plain "$page"
expect 2 counts
is_one_sentence

# The list of the project itself: within four hours.
total=$(awk '!/^#/ { sum += $2 } END { print sum }' "$root/tests/nightly.list")
[ "$total" -le 240 ] || fails "tests/nightly.list is $total minutes long"
grep -qx '<!-- proof -->' "$root/tests/README.md" || fails "tests/README.md has no place for the table"
