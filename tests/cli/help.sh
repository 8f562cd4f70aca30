# gm2 help: every module and table has a page; misspelt names are put right.
set -eu
. "$SOURCE/tests/check.sh"
"$GM2" help > all
modules=$(sed -n 's/^  \([A-Z][A-Za-z0-9]*\) .*/\1/p' all)
[ "$(echo $modules | wc -w)" -ge 10 ] || fail "modules listed: $modules"
[ "$(wc -L < all)" -le 120 ] || fail "a line of gm2 help is longer than 120"
for m in $modules; do
    "$GM2" help "$m" > page || fail "gm2 help $m"
    for part in "^$m (" '^Parameters$' '^Columns in$' '^Columns out$' '^Source: '; do
        grep -q "$part" page || fail "gm2 help $m lacks $part"
    done
done
"$GM2" help GasGun | grep -q 'muons_per_fill *integer; default 5000; 0 to 10000000$' || fail "parameter"
"$GM2" help GasGun | grep -q 't_decay_ns *f64 *ns ' || fail "column"
tables=$("$GM2" help tables | cut -d' ' -f1)
[ "$(echo $tables | wc -w)" -ge 10 ] || fail "tables listed: $tables"
for t in $tables; do "$GM2" help tables "$t" | grep -q "^$t (tier " || fail "gm2 help tables $t"; done
status=0
"$GM2" help GasGum 2> err || status=$?
[ $status = 88 ] && grep -q 'did you mean "GasGun"' err || fail "misspelt module: $status $(cat err)"
status=0
"$GM2" help tables puls 2> err || status=$?
[ $status = 88 ] && grep -q 'did you mean "pulse"' err || fail "misspelt table: $status $(cat err)"
# of one verb: its own lines, those of its neighbours whose words it shares, and what is of all; of an unknown one everything
for what in "campaign kill" "files count" "cond get" "fcl id" "raw check"; do
    "$GM2" $what --help > page || fail "gm2 $what --help"
    grep -q "^gm2 ${what% *}.*${what#* }" page && [ "$(wc -l < page)" -lt 20 ] || { cat page; fail "gm2 $what --help"; }
done
"$GM2" campaign kill prod.db -h > page && ! grep -q "campaign plan" page && grep -q "^DB: " page || { cat page; fail "help after other words"; }
"$GM2" campaign --help > all && "$GM2" campaign kil --help > page && cmp -s all page || fail "help of an unknown verb"
for noun in fit report dqm checksum calib ring; do "$GM2" $noun --help > page && [ -s page ] || fail "gm2 $noun --help"; done
