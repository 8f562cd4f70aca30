# A plan from what earlier jobs used, against what is then used: core-hours within a factor 3 (a busy machine's CPU time varies),
# bytes within 30 %; and nothing is guessed.
# timeout: 180
. "$SOURCE/tests/check.sh"
export FHICL_FILE_PATH=$SOURCE/jobs/fcl
DB=$("$SOURCE/tests/database" prod)
write() { # NAME FILLS
  cat >$1.fcl <<FCL
campaign: { name: $1 output: "$PWD/$1" }
stages: {
  generate: {
    config: "mdc1.fcl" fills: $2
    set: ["source.fills_per_subrun=2", "physics.producers.gun.muons_per_fill=40", "outputs.raw.max_subruns=-1",
          "services.scheduler.units_per_shard=1", "source.run=$3"]
  }
  reconstruct: {
    needs: [generate] config: "reco.fcl" dataset: "run_number $3 and data_tier raw and %(stage.generate)s" split: "nfiles(2)"
    max_submissions: 2 sbatch: ["--mem-per-cpu=5", "-t", "30"]
  }
}
FCL
}
write first 8 1
"$GM2" files init "$DB" || fail "files init"
"$GM2" campaign plan "$DB" first.fcl >plan || fail "a plan without experience"
grep -q "^generate .* ? .*unknown" plan && grep -q "^? is not known" plan || { cat plan; fail "a guess"; }
"$GM2" campaign start "$DB" first.fcl >/dev/null && "$GM2" campaign step "$DB" first --loop 0.3 >log 2>&1 || { cat log; fail first; }
"$GM2" campaign plan "$DB" first.fcl >plan || fail "a plan of what is done"
grep -q "^all  *0  *0  *0.0000  *0.0000  *0.0000" plan || { cat plan; fail "all is done, yet there is a plan"; }

# more of the same: the simulation's figures are known, the files of the next stage only when they are there
write second 24 1
"$GM2" campaign plan "$DB" second.fcl >plan.generate || fail "plan of more"
grep -q "^generate .* 24 fills .*jobs of this configuration, 8 fills" plan.generate || { cat plan.generate; fail "what it is measured on"; }
"$GM2" campaign start "$DB" second.fcl >/dev/null || fail "start second"
"$GM2" campaign step "$DB" second >>log 2>&1 && "$GM2" campaign hold "$DB" second || fail "step second"
for i in $(seq 300); do
  "$GM2" campaign step "$DB" second >>log 2>&1 || fail "step second"
  [ "$("$GM2" files count "$DB" "data_tier raw" | cut -d, -f1)" = "12 files" ] && break
  sleep 0.2
done
"$GM2" campaign plan "$DB" second.fcl >plan.reconstruct || fail "plan of the second stage"
grep -q "^reconstruct  *4  *8 .* jobs of this configuration" plan.reconstruct || { cat plan.reconstruct; fail "8 files more, in 4 jobs"; }
"$GM2" campaign release "$DB" second || fail release
"$GM2" campaign step "$DB" second --loop 0.3 >>log 2>&1 || { tail log; fail second; }
"$GM2" campaign status "$DB" second --json >s.json
/usr/bin/python3 - "$SOURCE/tests/sql" "$DB" <<'PY' || fail "the plan is far from what was used"
import json, subprocess, sys
bad = 0
def ask(sql):
    return float(subprocess.run([*sys.argv[1:3], sql], capture_output=True, text=True, check=True).stdout)
def planned(path, stage):
    words = [l for l in open(path) if l.startswith(stage + " ")][-1].replace("fills", "").split()
    return [float(w.strip("~")) if w not in ("?", "~?") else None for w in words[1:7]]
def compare(what, plan, used, factor):
    global bad
    print("%-28s planned %.6f used %.6f" % (what, plan, used))
    if not used / factor <= plan <= used * factor:
        bad += 1
for stage in json.load(open("s.json"))["stages"]:
    name = stage["name"]
    jobs, files, hours, gb_in, gb_out, wall = planned("plan." + name, name)
    used = ask("select sum(cpu_s) from submissions where stage_id = %d" % stage["id"]) / 3600
    made = ask("select sum(file_size) from files where config_id in (select id from configs where fcl_hash = '%s') and file_name in (select "
               "f.file_name from files f join file_locations l on l.file_id = f.id where l.url like '%%/second/%%')" % stage["version"].split()[2])
    compare(name + " core-hours", hours, max(used, 5e-5), 3.0)
    compare(name + " output GB", gb_out, made / 1e9, 1.3)
sys.exit(bad)
PY
grep -q "^! reconstruct: asks for 5 MB a process; one was seen to use" plan.reconstruct || { cat plan.reconstruct; fail "a request that is too small"; }
exit 0
