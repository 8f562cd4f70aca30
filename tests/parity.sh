# To be sourced, with a server that answers (pgsql.sh): the same on SQLite and PostgreSQL. parity NAME...: tests/cli/NAME.sh is run on
# both at the same time; each call's answer and status, and at the end the metadata of every file, must be equal.
export FHICL_FILE_PATH=$SOURCE/jobs/fcl
every() { # metadata of all files of the databases that stdin names, without what differs from run to run
  local db name
  while read -r db; do
    "$GM2_REAL" files list "$db" "file_size >= 0 with availability any" --columns file_name 2>/dev/null | sort | while read -r name; do
      "$GM2_REAL" files get "$db" "$name" || echo "$name is not told"
    done | /usr/bin/python3 -c '
import json, sys
d, text = json.JSONDecoder(), sys.stdin.read().strip()
while text:
    m, end = d.raw_decode(text)
    text = text[end:].strip()
    for k in [k for k in m if k == "file_id" or k.startswith(("create_", "update_", "retired_d", "start_time", "end_time", "gm2.cpu", "gm2.peak", "gm2.wall", "gm2.host"))]:
        del m[k]
    print(json.dumps(m, sort_keys=True))' || return 1
  done
}
on_one() ( # ENGINE NAME
  mkdir "$2.$1" && cd "$2.$1" || exit 1
  [ "$1" = sqlite ] || export GM2_TEST_SERVER=$URL/$2
  export GM2_REAL=$GM2 GM2=$SOURCE/tests/record RECORD=$PWD/record GM2_TEST_DATABASES=$PWD/databases
  bash "$SOURCE/tests/cli/$2.sh" >log 2>&1 || { cat log; echo "FAILED: $2 on $1"; exit 1; }
  every <databases >every || { echo "FAILED: $2 on $1: metadata of all"; exit 1; }
  # paths, places of databases, times and measured figures are those of the run
  # of a count that was asked for until it was as wanted, the last
  awk '/^\$ gm2/ { if (text != "" && !($0 == call && call ~ / files count /)) printf "%s", text; text = ""; call = $0 }
    { text = text $0 "\n" } END { printf "%s", text }' record >last && mv last record
  sed -i -E -e "s#$URL/$2_([a-z0-9_]+)#$PWD/\1.db#g" -e "s#$PWD#HERE#g; s/20[0-9]{2}-[0-9]{2}-[0-9]{2}[T ][0-9:]{5,8}(Z|\+00:00)?/TIME/g" \
    -e 's/("(gm2\.cpu_s|gm2\.peak_rss_kB|gm2\.wall_s|create_date|update_date)": ?)[^,]*/\1-/' -e 's/\b1[789][0-9]{8}\b/TIME/g; s/\b[0-9]+\.[0-9]{3,4}\b/FIGURE/g' \
    -e 's/(fcl_commit"?:? ?["'"'"']?)[0-9a-f]{40}/\1COMMIT/g' -e 's/(to use( more than)?) [0-9]+ MB/\1 FIGURE MB/' record every
)
parity() { # NAME...
  local name what pid
  for name in "$@"; do
    on_one sqlite "$name" &
    pid=$!
    on_one pgsql "$name" || fail "$name on PostgreSQL"
    wait $pid || fail "$name on SQLite"
    [ -s "$name.sqlite/record" ] || fail "$name: nothing was recorded"
    for what in record every; do
      # commits that it makes are in its files; which of two campaigns makes a file is chance
      case "$what $name" in "every rules" | "every campaign_overlap") continue ;; esac
      diff "$name.sqlite/$what" "$name.pgsql/$what" >diff || { head -20 diff; fail "$name: SQLite (<) and PostgreSQL (>) differ"; }
    done
    echo "$name: $(grep -c '^\$ gm2' "$name.sqlite/record") answers and $(wc -l <"$name.sqlite/every") files equal on both"
  done
}
