# The chain of real data while things go wrong: the manager killed at random moments, jobs killed with their supervisors (a node
# lost), a merge that fails twice, a production whose files the disk does not take, constants that were loaded and not published. At
# the end all is covered, nothing is there twice, nothing was loaded twice. The same for simulation.
# timeout: 300
. "$SOURCE/tests/check.sh"
unset FHICL_FILE_PATH
RANDOM=5

# ---- a program that fails as told: by kind of job, so many times
cat >gm2 <<GM2SH
#!/bin/bash
fails() { mkdir -p "$PWD/faults"; local n; n=\$(ls "$PWD/faults" | grep -c "^\$1"); [ "\$n" -lt "\$2" ] && touch "$PWD/faults/\$1.\$n"; }
words=" \$* "
case \$words in
  *" fcl "*|*" --version "*) ;;
  *" -c merge.fcl "*) fails merge 2 && { echo "a fault on purpose"; exit 1; } ;;
  *" -c production.fcl "*) fails disk 1 && ulimit -f 20 ;;
  *" calib "*) fails calib 1 && { # loaded, and killed before anything is published
      args=()
      while [ \$# -gt 0 ]; do case \$1 in --product) args+=("\$1" "$PWD/lost/\${2##*/}"); shift 2 ;; *) args+=("\$1"); shift ;; esac; done
      "$GM2" "\${args[@]}"
      kill -9 \$\$
    } ;;
esac
exec "$GM2" "\$@"
GM2SH
chmod 755 gm2
small=(--set fills=12 --set per_subrun=6 --set muons=40 --set per_job=1 --set "campaign.gm2='$PWD/gm2'" --set 'defaults.max_attempts=50')

storm() { # NAME N: N managers are killed, and every fifth time a job
  local name=$1 n pid lock
  shift
  for n in $(seq "$1"); do
    "$GM2" campaign run "$SOURCE/jobs/campaigns/$name.fcl" -o "$name" --loop 0.1 "${small[@]}" >>"$name.log" 2>&1 &
    pid=$!
    sleep 0.$(printf %02d $((RANDOM % 90)))
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
    [ $((n % 5)) = 0 ] || continue
    for lock in "$name"/*/*/lock; do
      [ -s "$lock" ] && [ ! -e "${lock%lock}exit" ] && kill -9 -- -"$(cat "$lock")" 2>/dev/null
    done
  done
  timeout 200 "$GM2" campaign run "$SOURCE/jobs/campaigns/$name.fcl" -o "$name" --loop 0.3 "${small[@]}" >>"$name.log" 2>&1 ||
    { tail -30 "$name.log"; fail "$name ends with $?"; }
}
count() { "$GM2" files count "$DB" "$1" | cut -d' ' -f1; }
covered() { # QUERY N [TIER]
  "$GM2" files coverage "$DB" "$1" --wanted "data_tier ${3:-raw}" >coverage.log
  grep -q "^$2 subruns covered, 0 more than once, 0 missing" coverage.log || { cat coverage.log; fail "coverage of $1"; }
}

storm daq 25
DB=daq/campaign.db
covered "data_tier reco and gm2.process_name production and not gm2.merged_by like '%'" 2
covered "file_name like 'merge_%'" 2
covered "file_name like 'dqc_%'" 2
covered "file_name like '%.oof.csv'" 2
same "$(count "data_tier reco and gm2.process_name production and not gm2.merged_by like '%'")" 2 "a file a subrun"
same "$(count "data_tier constants")" 3 "three calibrations"
same "$(count "file_name like 'merge_%' with availability any")" 1 "one merged file"
"$GM2" files audit "$DB" --checksums >audit.log || { cat audit.log; fail audit; }
grep "in conflict" daq.log && fail "a conflict"
for fault in merge.0 merge.1 disk.0 calib.0; do [ -e faults/$fault ] || fail "the fault $fault did not come"; done
"$GM2" cond log daq/conditions.db >cond.log || fail "cond log"
same "$(grep -c ' load oof_correction ' cond.log)" 1 "constants are loaded once"
same "$(grep -c ' tag tag pass1' cond.log)" 1 "the tag is made once"

rm -rf faults
small=(--set fills=4 --set per_subrun=1 --set muons=20 --set per_job=1 --set 'defaults.max_attempts=50')
storm simulation 15
DB=simulation/campaign.db
covered "data_tier reco and gm2.process_name digireco" 4 sim
same "$(count "gm2.process_name digireco")" 4 "a file a subrun"
"$GM2" files audit "$DB" --checksums >audit.log || { cat audit.log; fail audit; }
grep "in conflict" simulation.log && fail "a conflict"
exit 0
