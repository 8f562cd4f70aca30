# Where a campaign stands: every number equals a fresh count over the tables; what others wrote is shown, not obeyed.
# timeout: 120
. "$SOURCE/tests/check.sh"
export FHICL_FILE_PATH=$SOURCE/jobs/fcl
DB=$("$SOURCE/tests/database" prod)
cat >c.fcl <<FCL
campaign: { name: small output: "$PWD/out" }
stages: {
  generate: {
    config: "mdc1.fcl" fills: 6
    set: ["source.fills_per_subrun=2", "physics.producers.gun.muons_per_fill=20", "outputs.raw.max_subruns=-1",
          "services.scheduler.units_per_shard=1"]
  }
  reconstruct: {
    needs: [generate] config: "reco.fcl" dataset: "%(stage.generate)s and data_tier raw" split: "nfiles(1)"
    max_submissions: 2 sbatch: ["--mem-per-cpu=100"]
  }
  again: { config: "reco.fcl" dataset: "run_number < 2 and data_tier raw" set: ["process_name=again"] max_attempts: 1 }
}
FCL
count() { /usr/bin/python3 "$SOURCE/tests/recount.py" "$DB" small s.json generate=- reconstruct=raw:generate again=raw "$@"; }
"$GM2" files init "$DB" || fail "files init"
"$GM2" campaign status "$DB" >none || fail "a catalogue without campaigns"
grep -q "^none; next: gm2 campaign start" none || { cat none; fail "words without campaigns"; }
"$GM2" campaign start "$DB" c.fcl >/dev/null || fail start
"$GM2" campaign status "$DB" small --json >s.json || fail "status of a campaign that was never stepped"
count || fail "nothing submitted yet"
"$GM2" campaign step "$DB" small --loop 0.3 >loop 2>&1 || { cat loop; fail loop; }
"$GM2" campaign status "$DB" small >table || fail status
grep -q "^next: all is done" table || { cat table; fail "all is done"; }
same "$(awk 'length > 100' table | grep -v out)" "" "wider than 100 columns"
"$GM2" campaign status "$DB" small reconstruct | grep -q "^configuration    reco.fcl" || fail "a stage's card"
"$GM2" campaign status "$DB" small recontruct 2>err && fail "no such stage"
grep -q "did you mean reconstruct" err || { cat err; fail "words for no such stage"; }
"$GM2" campaign status "$DB" | grep -q "^small .* 5 " || fail "the list of campaigns"
"$GM2" campaign status "$DB" small --json >s.json && count || fail "all done"
"$GM2" files audit "$DB" --store out >audit || { cat audit; fail "logs and lists of a campaign are no unknown files"; }
for i in out/stray.mid "$(ls -d out/generate_*)/x.log" "$(ls -d out/reconstruct_*/0*/products | head -1)/x.h5"; do
  touch "$i"; "$GM2" files audit "$DB" --store out >audit; same "$(grep -c "^unknown .*/$i$" audit)" 1 "a file of nobody"; rm "$i"
done

# a history of all kinds, days and names; texts that a page or a terminal could obey
/usr/bin/python3 - >history.sql <<'PY'
import time
now, evil = int(time.time()), "<script>alert(1)</script>\x1b[2J'\"&"
kinds = [(1500, 75, "CANCELLED"), (6000, 1, "FAILED"), (6000, 137, "OUT_OF_MEMORY"), (6000, None, "NODE_FAIL"), (6000, 1, evil), (2000, None, None),
         (5000, None, "PENDING"), (3000, None, "PENDING"), (4000, None, "RUNNING"), (1000, None, None), (7000, 0, "COMPLETED"), (9000, None, None)]
word = lambda x: "null" if x is None else str(x) if not isinstance(x, str) else "'%s'" % x.replace("'", "''")
insert = lambda table, **v: print("insert into %s (%s) values (%s);" % (table, ", ".join(v), ", ".join(word(x) for x in v.values())))
print("begin;")
for i in range(120):
    state, code, batch = kinds[i % len(kinds)]
    at, n = now - i * 7000, 100 + i
    ran = state in (6000, 7000)
    insert("submissions", id=n, stage_id=0, name="%06d_slice%d%s" % (n, i, "" if i % 3 else "<b>"), state=state, batch_id=str(4000 + i), reason=evil if ran else "",
           n_files=0, create_s=at, update_s=at + 500, begin_s=at + 60 if ran else None, end_s=at + 500 if ran else None, cpu_s=1.5 * i if ran else None,
           wall_s=440.0 if ran else None, max_rss_kb=30000 + i if ran else None, exit_code=code, batch_state=batch, batch_reason=evil if ran else None)
    for s in (1000, state):
        insert("submission_history", submission_id=n, at_s=at if s == 1000 else at + 500, state=s, reason=evil)
print("update submissions set stage_id = (select id from stages where name = 'reconstruct') where stage_id = 0;")
print("update campaigns set create_user = %s;" % word(evil))
print("commit;")
PY
"$SOURCE/tests/sql" "$DB" <history.sql || fail "writing the history"
"$GM2" campaign status "$DB" small --json >s.json && count || fail "a history of all kinds"
"$GM2" campaign status "$DB" small >table || fail "status of it"
"$GM2" campaign status "$DB" small reconstruct >stage || fail "status of the stage"
"$GM2" campaign status "$DB" small --submissions >list || fail "the list of submissions"
grep -q "Held" list && grep -q "^! reconstruct: 10 submissions are held by the batch system" table && grep -q "^  scontrol release 40[0-9]* " table || { cat table; fail "what is held"; }
grep -q "$(printf '\033')" table stage list && fail "a terminal is told what to do"
grep -q "% of the submissions failed" table || { cat table; fail "too many failures are not told"; }
grep -q "NODE_FAIL" stage || { cat stage; fail "kinds of failures"; }

# pages: every number is that of the status, and so of the tables; nothing is loaded from elsewhere, no link is dead
"$GM2" campaign report "$DB" -o site >said || fail report
"$GM2" campaign status "$DB" small --json >s.json && count --html site || fail "the pages"
grep -q "<script" -r site && fail "a page has a script"
grep -rl "alert(1)" site | grep -q reconstruct_submissions_1 || fail "what others wrote is not shown"
"$GM2" campaign status "$DB" small | grep "^! " | sed 's/^! //; s/: .*//' | sort | uniq -c >hinted
same "$(grep -o '>[0-9]*</a></td></tr>' site/index.html | tr -dc 0-9)" "$(awk '{ n += $1 } END { print n }' hinted)" "things to look at"
if command -v dot >/dev/null; then grep -q "<svg" site/small/index.html || fail "no graph"; fi
if command -v gnuplot >/dev/null; then grep -q "image/svg" site/small/reconstruct.html || fail "no picture"; fi
same "$(find site -name '*part*')" "" "unfinished files"
"$GM2" campaign report "$DB" small -o one >/dev/null || fail "report of one campaign"
"$GM2" campaign report "$DB" smal -o nowhere 2>err; same $? 29 "no such campaign"
"$GM2" campaign report "$DB" 2>err; same $? 88 "no folder"
# without the tools for pictures, and with a description that is gone: the rest is there
PATH=/nonexistent "$GM2" campaign report "$DB" -o bare >said 2>err || { cat err; fail "without graphviz and gnuplot"; }
grep -q "Debian package graphviz" said && grep -q "not drawn" bare/small/index.html || fail "words for a missing tool"
mv c.fcl away.fcl
"$GM2" campaign report "$DB" -o site >said 2>err; same $? 1 "a description is gone"
grep -q "c.fcl" site/index.html || fail "the index does not say why a campaign has no page"
exit 0
