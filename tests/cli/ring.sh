# gm2 ring: every verb answers, with the numbers of the published lattice; what a mistake is told; exit codes.
set -eu
. "$SOURCE/tests/check.sh"
want() { # name, value, tolerance, got
    awk -v w="$2" -v t="$3" -v g="$4" 'BEGIN { exit !(g != "" && g - w <= t && w - g <= t) }' || fail "$1 is $4, wanted $2 +- $3"
}
number() { awk -v key="$1" '$1 == key { print $2; exit }' "$2"; }

# tunes and frequencies of the published hard-edge lattice
row() { # n, nu_x, nu_y, f_CBO, f_VW
    "$GM2" ring tune --esq_field linear --n_index "$1" > out
    want "nu_x at n = $1" "$2" 1e-4 "$(number nu_x out)"
    want "nu_y at n = $1" "$3" 1e-4 "$(number nu_y out)"
    want "nu_x of the matrices at n = $1" "$2" 1e-4 "$(number nu_x_matrix out)"
    want "f_CBO at n = $1" "$4" 2e-4 "$(number f_CBO out)"
    want "f_VW at n = $1" "$5" 4e-4 "$(number f_VW out)"
}
row 0.107 .94540 .32807 .3661 2.3056
row 0.108 .94488 .32960 .3696 2.2850
row 0.120 .93860 .34755 .4117 2.0443
"$GM2" ring tune --esq_field linear --n_index 0.108 > out
want "least beta_x" 7.36 0.01 "$(number beta_x_min out)"
want "greatest beta_x" 7.69 0.01 "$(number beta_x_max out)"
want "least beta_y" 21.2 0.05 "$(number beta_y_min out)"
want "greatest beta_y" 22.0 0.05 "$(number beta_y_max out)"
# the closed orbit of a momentum offset is the dispersion times it
"$GM2" ring orbit --esq_field curved --dp 0.01 --points 4 --json orbit.json > out
awk '$1 == "0.000" { exit !($2 - 100 * $6 * 0.01 / 10 < 2e-3 && 100 * $6 * 0.01 / 10 - $2 < 2e-3) }' out || fail "closed orbit: $(cat out)"
grep -q '"eta"' orbit.json || fail "JSON of the orbit"
# published shifts of omega_a
"$GM2" ring map --esq_layout continuous --esq_field curved --dp 0,0.125421822,0 --x_mm 0,10,0 --y_mm 0,0,20 > out
tail -n 2 out | { read -r _ _ _ a _; read -r _ _ _ b _; want "momentum offset" -379.5 0.5 "$a"; want "pitch" -213.5 0.5 "$b"; } || exit 1
awk '$1 == "symplectic" { exit !($3 < 1e-8) }' out || fail "symplectic"
# scans, of any parameter
"$GM2" ring scan --scan esq_high_voltage_kV=18:20:1 --quantities n,f_CBO --json scan.json > out
[ "$(grep -cE '^(18|19|20) ' out)" = 3 ] || fail "scan: $(cat out)"
"$GM2" ring scan --esq_field linear --scan esq_layout=13_26,39,continuous > out
grep -qE '^continuous .*0\.94' out || fail "scan of words: $(cat out)"
"$GM2" ring tune --scan n_index=0.1,0.108 --esq_field linear > out
want "nu_x of a scan" 0.94488 1e-4 "$(awk '$1 == "0.108" { print $3 }' out)"
# fields: scraping moves the closed orbit by millimetres while it lasts, and only then
"$GM2" ring orbit --esq_scraping e989 --at_us 0 --points 1 > out
awk '$1 == "x_co" { exit !($4 > 1.5 && $4 < 4) }' out || fail "orbit while scraping: $(cat out)"
"$GM2" ring orbit --esq_scraping e989 --points 1 > out
awk '$1 == "x_co" { exit !($4 < 1e-4 && $4 > -1e-4) }' out || fail "orbit after scraping: $(cat out)"
# an injected beam: the right kick stores it in the middle, an under-kick outside with a large oscillation
"$GM2" ring scan --scan kicker_G=150,290 --quantities stored,x_mean,cbo_amplitude,cbo_frequency --muons 4000 > out
awk '$1 == 150 { if (!($3 > 8 && $4 > 12)) exit 1 } $1 == 290 { if (!($2 > 5 && $3 < 4 && $3 > -3 && $4 < 7)) exit 1 }' out || fail "kick scan: $(cat out)"
want "frequency of the injected beam" 0.3685 0.003 "$(awk '$1 == 150 { print $5 }' out)"
"$GM2" ring scan --scan gun.dp_mean_percent=0,0.3 --quantities stored --muons 1000 --gun.profile none > out
grep -qE '^0.3 +[1-9]' out || fail "scan of the gun: $(cat out)"
# a document's ring
cat > ring.fcl <<'F'
physics: { producers: { gun: { module_type: GasGun } ring: { module_type: RingTracker esq_field: linear n_index: 0.12 record_end_us: 100 } } }
F
"$GM2" ring tune -c ring.fcl > out
want "nu_x of a document" .93860 1e-4 "$(number nu_x out)"
"$GM2" ring tune -c ring.fcl --set n_index=0.108 > out
want "nu_x of a document with a value set" .94488 1e-4 "$(number nu_x out)"
"$GM2" ring show > out
grep -qE '^ +33.323 +59.323 +ESQ Q1 long' out || fail "show: $(cat out)"
[ "$(grep -c collimator out)" = 2 ] || fail "collimators"
for verb in tune orbit map scan show; do "$GM2" ring $verb --help | grep -q esq_high_voltage_kV || fail "help of $verb"; done
"$GM2" ring --help | grep -q orbit || fail "help"
"$GM2" help ring | grep -q "gm2 ring" || fail "gm2 help ring"
python=/usr/bin/python3
command -v $python > /dev/null && $python -c 'import json; [json.load(open(f)) for f in ("orbit.json", "scan.json")]'
if command -v gnuplot > /dev/null; then
    for verb in tune orbit map show; do
        "$GM2" ring $verb --plot $verb.svg > /dev/null && grep -q '</svg>' $verb.svg || fail "picture of $verb"
    done
    "$GM2" ring tune --scan esq_high_voltage_kV=17:20:1 --plot hv.png > /dev/null && [ -s hv.png ] || fail "picture of a scan"
    "$GM2" ring scan --scan n_index=0.1:0.12:0.01 --esq_field linear --plot scan.svg > /dev/null && grep -q '</svg>' scan.svg || fail "picture of a scan"
fi

expect() { # status, words, arguments...
    status=0 words=$2 want_status=$1
    shift 2
    "$GM2" "$@" > out 2> err || status=$?
    [ $status = "$want_status" ] || fail "gm2 $*: exit status $status, wanted $want_status: $(cat err)"
    grep -qF -- "$words" err || fail "gm2 $*: message lacks '$words': $(cat err)"
    [ "$(wc -l < err)" = 1 ] || fail "gm2 $*: one message is expected: $(cat err)"
}
expect 88 'did you mean "tune"' ring tun
expect 88 'did you mean --esq_field' ring tune --esq_feld linear
expect 88 'a value is wanted' ring tune --n_index
expect 88 'not understood' ring tune 0.108
expect 88 'power of two' ring tune --turns 1000
expect 88 'out of range' ring tune --order 99
expect 91 'esq_field = "cubic" is none of the choices' ring tune --esq_field cubic
expect 91 'n_index = 0.9' ring tune --esq_field linear --n_index 0.9
expect 88 'did you mean "n_index"' ring tune --set n_indx=0.1
expect 88 'KEY=VALUE' ring tune --set n_index
expect 88 '.svg or .png' ring tune --plot tune.gif
expect 88 '--scan KEY=FROM:TO:STEP' ring scan
expect 88 'does not lead there' ring scan --scan n_index=0.1:0.2:-0.01
expect 88 'did you mean "f_CBO"' ring scan --scan n_index=0.1,0.2 --quantities f_CB0
expect 88 'InflectorGun has no parameter "xx"' ring scan --scan gun.xx=1,2
expect 88 'at least 64 turns' ring scan --scan kicker_G=200,250 --quantities stored --from_us 28 --muons 100
expect 91 'esq_layout is "continuous"' ring tune --esq_layout continuous --esq_dx_mm 1
expect 20 'nowhere.fcl' ring tune -c nowhere.fcl
printf 'physics: { producers: { gun: { module_type: GasGun } } }\n' > none.fcl
expect 29 'no module RingTracker' ring tune -c none.fcl
printf 'physics: { producers: { ring: { module_type: RingTracker n_indx: 0.1 } } }\n' > wrong.fcl
expect 91 'wrong.fcl:1: unknown key "n_indx"' ring tune -c wrong.fcl
expect 91 'no closed orbit within the plates' ring orbit --dp 1
expect 66 'nofolder' ring show --json nofolder/x.json
mkdir empty
status=0
PATH=$PWD/empty "$GM2" ring show --plot x.svg > /dev/null 2> err || status=$?
[ $status = 29 ] && grep -q 'gnuplot is not installed' err || fail "without gnuplot: exit status $status: $(cat err)"
exit 0
