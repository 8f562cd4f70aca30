# A job with constants: the gain module, what is recorded, 1, 2 and 3 ranks, a snapshot, a resumed job, missing constants,
# passwords. On SQLite, and on PostgreSQL by tests/server/cond.sh.
# timeout: 300
# ranks: 2
. "$SOURCE/tests/job.sh"
DB=$("$SOURCE/tests/database" cond)
# bad STATUS WORDS COMMAND...: this exit status, a message with all the words
bad() {
  local code=$1 words=$2 rc
  shift 2
  "$@" >out 2>err
  rc=$?
  [ $rc = "$code" ] || { cat out err; fail "exit $rc, $code expected: $*"; }
  for w in $words; do grep -qF -- "$w" err || { cat err; fail "\"$w\" is not in the message of: $*"; }; done
}
# rows RUN SUBRUN "VALUES": a row for each channel; VALUES is awk, with c and x
rows() { awk -v OFS=, -v r="$1" -v s="$2" "BEGIN { for (c = 1; c <= 24; c++) for (x = 0; x < 54; x++) print r, s, c, x, $3 }"; }
load() { "$GM2" cond load "$DB" "$1" "$2" --comment test ${3:-} >log 2>&1 || { cat log; fail "load $1"; }; }

"$GM2" cond init "$DB" >log 2>&1 || { cat log; fail init; }
{ echo run,subrun,calonum,xtalnum,oofcorrection,oofcorrection_err; for s in 0 1 2 3; do rows 1 $s "0.5 + 0.01 * $s, 0.001"; done; } >oof.csv
{ echo run,subrun,calonum,xtalnum,amplitude,amplitude_err,tau[us],tau_err[us]; rows 1 0 "0, 0.001, 8, 0.1"; } >ifg.csv
{ echo run,subrun,calonum,xtalnum,amplitude,amplitude_err,tau[ns],tau_err[ns]; rows 1 0 "0, 0.001, 15, 0.1"; } >stdp.csv
{ echo 'run,subrun,calonum,xtalnum,energy_per_count[MeV],energy_per_count_err[MeV]'; rows 1 0 "0.8, 0.001"; } >scale.csv
{ echo 'run,subrun,calonum,xtalnum,time_offset[ns],time_offset_err[ns]'; rows 1 0 "100, 0.001"; } >time.csv
{ echo run,subrun,calonum,xtalnum,is_dead,is_hot; rows 1 0 "(c == 3), 0"; } >status.csv
load ifg_correction ifg.csv
load stdp_correction stdp.csv
load energy_scale scale.csv
load time_alignment time.csv
load channel_status status.csv

small_fcl 60 2 2
cat >>small.fcl <<FCL
physics.producers.gain: { module_type: Gain }
physics.reconstruct: [unpack, fit, gain, cluster, truth]
services.conditions: { database: "$DB" }
FCL
job() { "$GM2" -c small.fcl -n 8 "$@"; }

# what is missing is named before any work
bad 29 "oof_correction run subrun gain missing" job -o none/x.h5
[ ! -e none ] || [ -z "$(ls none)" ] || fail "something was made without constants"
bad 91 "gain services.conditions.database" job --set services.conditions.database='""' -o none/x.h5
bad 29 "nosuch" job --set services.conditions.tag=nosuch -o none/x.h5
bad 20 "conditions" job --set services.conditions.database='"nowhere.db"' -o none/x.h5
bad 88 password job --set 'services.conditions.database="postgresql://me:geheim@h/d"' --config-out leak.fcl -o none/x.h5
grep -rq geheim err out none leak.fcl 2>/dev/null && fail "a password was repeated"
load oof_correction oof.csv

# energies: half the scale of the fit, gains 0.5 to 0.53: doubled within the drift; times 100 ns earlier; no calorimeter 3
sed '/^physics.*gain/d; /services.conditions/d; s/\(gain, \)//' small.fcl >plain.fcl
"$GM2" -c plain.fcl -n 8 -o plain/x.h5 >log 2>&1 || { cat log; fail "without gain"; }
job -o r1/x.h5 >log 2>&1 || { cat log; fail "one rank"; }
/usr/bin/python3 - <<'PYTHON' || fail "content"
import h5py, json, numpy
for shard in (0, 1):
    a, b = (h5py.File("%s/x_shard%05d.h5" % (d, shard)) for d in ("plain", "r1"))
    assert b.attrs["conditions_tag"] == b"head" and a.attrs["conditions_tag"] == b"", b.attrs["conditions_tag"]
    assert "conditions" not in a
    k = a["cluster/calo"][:] != 3
    assert 3 in a["cluster/calo"][:] and 3 not in b["cluster/calo"][:]
    near = numpy.interp(b["cluster/t_fill_ns"][:] + 100, *(lambda t: (numpy.sort(t), numpy.sort(t)))(a["cluster/t_fill_ns"][:][k]))
    assert abs(numpy.median(a["cluster/t_fill_ns"][:][k]) - 100 - numpy.median(b["cluster/t_fill_ns"][:])) < 50
    ea, eb = a["cluster/energy_GeV"][:][k].sum(), b["cluster/energy_GeV"][:].sum()
    expected = {0: 0.5 / 0.505, 1: 0.5 / 0.525}[shard]
    assert abs(eb / ea / expected - 1) < 0.03, (shard, eb / ea, expected)
    c = b["conditions"]
    names = [bytes(n).rstrip(b"\0").decode() for n in c["table_name"][:]]
    assert sorted(set(names)) == ["channel_status", "energy_scale", "ifg_correction", "oof_correction", "stdp_correction", "time_alignment"]
    oof = [(int(s), int(i), int(t)) for n, s, i, t in zip(names, c["subrun"][:], c["iov_id"][:], c["begin_time"][:]) if n == "oof_correction"]
    assert oof == [(s, s + 1, 10000 + s) for s in (2 * shard, 2 * shard + 1)], oof
    meta = json.load(open("r1/x_shard%05d.h5.json" % shard))
    assert meta["gm2.conditions_tag"] == "head"
    assert meta["gm2.conditions"]["oof_correction"] == [2 * shard + 1, 2 * shard + 2], meta["gm2.conditions"]
    text = b.attrs["configuration"].decode()
    assert "database" not in text and "conditions" in text, text
PYTHON

for n in 2 3; do
  "${mpirun_cmd[@]}" -n $n "$GM2" -c small.fcl -n 8 -o r$n/x.h5 >log$n 2>&1 || { cat log$n; fail "$n ranks"; }
  same_shards r1 r$n
done
# from a snapshot, without the database: the same products, of the same identity
"$GM2" cond snapshot "$DB" head -o snap.db >log 2>&1 || { cat log; fail snapshot; }
job --set services.conditions.database='"snap.db"' -o snap/x.h5 >log 2>&1 || { cat log; fail "from a snapshot"; }
same_shards r1 snap
job --set services.conditions.database='"snap.db"' -o r1/x.h5 >log 2>&1 || { cat log; fail "the identity depends on the place"; }

# resumed with other constants: refused; what no unit reads does not matter
{ echo run,subrun,calonum,xtalnum,oofcorrection,oofcorrection_err; rows 2 0 "0.9, 0.001"; } >other.csv
load oof_correction other.csv
job -o r1/x.h5 >log 2>&1 || { cat log; fail "constants of another run matter"; }
rm r1/x_shard00001.h5*
{ echo run,subrun,calonum,xtalnum,oofcorrection,oofcorrection_err; rows 1 1 "0.6, 0.001"; } >other.csv
load oof_correction other.csv
bad 23 "x_shard00000.h5 constants" job -o r1/x.h5
[ ! -e r1/x_shard00001.h5 ] || fail "constants were mixed"
job --set services.conditions.database='"snap.db"' -o r1/x.h5 >log 2>&1 || { cat log; fail "resumed with the old constants"; }
same_shards snap r1

# channels without constants, and how to go on
{ echo run,subrun,calonum,xtalnum,oofcorrection,oofcorrection_err; rows 1 3 "0.6, 0.001" | grep -Ev '^1,3,([5-9]|1.|2.),'; } >part.csv
load oof_correction part.csv --partial
bad 29 "216 1296 missing" job -o none/x.h5
job --set physics.producers.gain.missing=flag --set 'outputs.out.drop=[]' -o flag/x.h5 >log 2>&1 || { cat log; fail "missing: flag"; }
/usr/bin/python3 - <<'PYTHON' || fail "flagged pulses"
import h5py, numpy
f = h5py.File("flag/x_shard00001.h5")
p = f["pulse_gain"]
none = (p["calo"][:] >= 5) & (p["subrun"][:] == 3)
assert none.sum() > 5 and ((p["status"][:] & 16 != 0) == none).all(), (none.sum(), (p["status"][:] & 16 != 0).sum())
PYTHON
job --validate-config >log 2>&1 && fail "--validate-config passes over missing constants"
exit 0
