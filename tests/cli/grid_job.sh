# The grid wrapper: one file in, products out, in an empty environment, by cp, xrdcp and ifdh (stand-ins that fail, cut, change, hang,
# lie); nothing half under a final name, nothing replaced, nothing left behind.
# timeout: 200
. "$SOURCE/tests/check.sh"
show() { tail -5 err 2>/dev/null; }
export FHICL_FILE_PATH=$SOURCE/jobs/fcl
wrapper=$SOURCE/jobs/grid_job
"$GM2" -c mdc1.fcl -n 2 -o sim/x.h5 --set source.fills_per_subrun=2 --set physics.producers.gun.muons_per_fill=20 \
  --set outputs.raw.max_subruns=1 >log 2>&1 || { cat log; fail simulation; }
raw=$PWD/$(ls sim/*.mid)
sed 's/source: { module_type: RawInput }/source: { module_type: RawInput truncated: "error" }/' "$FHICL_FILE_PATH/reco.fcl" >strict.fcl
"$GM2" -c strict.fcl --config-out whole.fcl --validate-config -s "$raw" >log 2>&1 || { cat log; fail --config-out; }
raw_name=$(basename "$raw") product=y_r000001_s00000.h5
read -r size adler _ < <("$GM2" checksum "$raw")

# stand-ins: each call does what the next line of ./plan says (ok when there is none); root://there/PATH and /pnfs/PATH are ./far/PATH
mkdir bin far
cat >bin/tool <<'SH'
#!/bin/bash
here=$(dirname "$(dirname "$0")")
map() { case $1 in root://there/*) echo "$here/far/${1#root://there/}" ;; /pnfs/*) echo "$here/far/${1#/pnfs/}" ;; *) echo "$1" ;; esac; }
step=$(head -1 "$here/plan" 2>/dev/null)
sed -i 1d "$here/plan" 2>/dev/null
copy() {
  echo "${step:-ok} $1 $2" >>"$here/calls"
  mkdir -p "$(dirname "$(map "$2")")"
  case ${step:-ok} in
    ok) cp "$(map "$1")" "$(map "$2")" ;;
    fail) echo "no route to host" >&2; exit 54 ;;
    cut) head -c 1000 "$(map "$1")" >"$(map "$2")" ;;
    change) { printf 'X'; tail -c +2 "$(map "$1")"; } >"$(map "$2")" ;;
    hang) sleep 60 ;;
    lie) exit 0 ;;
  esac
}
case $(basename "$0") in
  xrdcp) while [ "${1#-}" != "$1" ]; do shift; done; copy "$1" "$2" ;;
  xrdfs) case $2 in mv) mv -n "$here/far/$3" "$here/far/$4" ;; rm) rm "$here/far/$3" ;; esac ;;
  ifdh) case $1 in cp) copy "$2" "$3" ;; mv) mv -n "$(map "$2")" "$(map "$3")" ;; rm) rm "$(map "$2")" ;; esac ;;
esac
SH
chmod +x bin/tool
for t in xrdcp xrdfs ifdh; do ln -s tool bin/$t; done
mkdir scratch

# job EXPECTED "PLAN" TO INPUT [OPTIONS...]
job() {
  local want=$1 plan=$2 to=$3 input=$4; shift 4
  printf '%s' "$plan" | tr ' ' '\n' >plan
  [ ! -s plan ] || echo >>plan
  rm -f exit grid_job.json calls
  printf '%s\n' "$input" >list
  env -i PATH="$PWD/bin:/usr/bin:/bin" GM2_BACKOFF_S=0.05 "$wrapper" --scratch scratch --to "$to" --timeout 1 "$@" -- \
    "$GM2" -c whole.fcl -S list -o y.h5 >out 2>err
  local rc=$?
  same $rc "$want" "exit status of \"$plan\" to $to"
  same "$(head -1 exit)" "$want" "what is in exit"
  python3 -m json.tool grid_job.json >/dev/null || { cat grid_job.json; fail "the report is no JSON"; }
  same "$(ls -A scratch)" "" "scratch is left as it was"
}
good() { "$GM2" checksum "$1/$product" >/dev/null 2>&1 || fail "$1 has no product"; cmp -s "$1/$product" first/$product || fail "$1 has another product"
  [ -s "$1/$product.json" ] || fail "$1 has no JSON"; same "$(find "$1" -name '*part*')" "" "half a file"; }

job 0 "" "$PWD/first" "$raw"
[ -s first/$product ] && [ -s first/$product.json ] || fail "no product by cp"
grep -q '"cpu_s": [0-9]' grid_job.json && grep -q '"max_rss_kb": [0-9]' grid_job.json || { cat grid_job.json; fail "what was used"; }
job 0 "" "$PWD/first" "$raw" # again: the same bytes are there
cp first/$product keep; printf x >>first/$product
job 122 "" "$PWD/first" "$raw" # other bytes: both stay
cmp -s keep first/$product && fail "a file was replaced"
cp keep first/$product
mkdir -p far/in; cp "$raw" "$raw.json" far/in/
for url in root://there /pnfs; do
  for trouble in fail cut change hang lie; do # with an input, then with a product: the second try is good
    rm -rf far/out
    job 0 "$trouble ok ok $trouble" $url/out "$url/in/$raw_name $size $adler"
    good far/out
    grep -q '"what": "in".*"tries": 2' grid_job.json && grep -q '"what": "out".*h5".*"tries": 2' grid_job.json ||
      { cat grid_job.json; fail "$trouble: tries are counted"; }
  done
done
rm -rf far/out
job 0 "fail" root://there/out "root://there/in/$raw_name" --tries 2; good far/out # its JSON did not come; gm2 reads it all the same
job 110 "fail fail" root://there/out2 "root://there/in/$raw_name $size $adler" --tries 2
job 111 "cut change" root://there/out2 "root://there/in/$raw_name $size $adler" --tries 2
job 111 "ok cut change" root://there/out2 "root://there/in/$raw_name" --tries 2 # known from its JSON
job 110 "" "$PWD/out2" "$PWD/nowhere.mid" --tries 2
job 120 "ok fail fail fail fail fail fail" root://there/out2 "root://there/in/$raw_name $size $adler" --tries 2
job 121 "ok lie ok change lie lie cut change lie" root://there/out2 "root://there/in/$raw_name $size $adler" --tries 2
same "$(find far/out2 -type f 2>/dev/null)" "" "nothing under a final name, and no part"
mkdir bad; head -c 3000 "$raw" >bad/$raw_name
job 16 "" "$PWD/out3" "$PWD/bad/$raw_name" # gm2's own exit status
"$wrapper" --copy rsync -- "$GM2" 2>err; same $? 101 "wrong option"
"$wrapper" --scratch /nowhere -- "$GM2" 2>err; same $? 102 "no scratch"
"$wrapper" --tries many --scratch scratch -- "$GM2" 2>err; same $? 101 "no number of tries"
"$wrapper" --scratch scratch -- ./nothing -o x.h5 2>err; same $? 101 "no program"
grep -q "there is no program ./nothing" err || fail "it does not say which"
# a list without a newline at its end, two inputs of one name, a folder for the report that is not there
mkdir one two; echo 1 >one/a.mid; echo 2 >two/a.mid
cat >show <<'SH'
#!/bin/bash
[ "$1" != checksum ] || exec "$GM2" "$@"
while [ $# -gt 0 ]; do case $1 in -S) mapfile -t all <"$2" ;; -o) out=$2 ;; esac; shift; done
cat "${all[@]}" >"$out"
SH
chmod +x show; export GM2
printf '%s' "$PWD/one/a.mid
$PWD/two/a.mid" >list
"$wrapper" --scratch scratch --report new/report --to "$PWD/shown" -- ./show -S list -o x.h5 >out 2>err; same $? 0 "a list by hand"
same "$(tr '\n' ' ' <shown/x.h5)" "1 2 " "each input of the list"
same "$(head -1 new/report/exit)" 0 "the report's folder"
same "$(ls -A scratch)" "" "scratch of these"

# stopped while gm2 runs: what is there is copied, 75
printf '%s\n' "$raw" >list
"$GM2" -c mdc1.fcl --config-out long.fcl --validate-config -n 1 --set source.fills_per_subrun=1 --set services.scheduler.units_per_shard=1 \
  --set services.scheduler.drain_s=5 --set physics.producers.gun.muons_per_fill=200 >log 2>&1 || { cat log; fail long.fcl; }
rm -f exit
"$wrapper" --scratch scratch --to "$PWD/stopped" -- "$GM2" -c long.fcl -n 2000 -o y.h5 >out 2>err &
pid=$!
for _ in $(seq 1200); do ls scratch/*/out/*.h5 >/dev/null 2>&1 && break; sleep 0.05; done
kill -TERM $pid
wait $pid
same $? 75 "stopped by SIGTERM"
same "$(head -1 exit)" 75 "exit of a stopped job"
ls stopped/*.h5 >/dev/null 2>&1 || fail "what was made before is copied"
same "$(ls -A scratch)" "" "scratch of a stopped job"
exit 0
