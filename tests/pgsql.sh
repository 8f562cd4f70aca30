# To be sourced by a script with a PostgreSQL of its own (pgsql-here), which goes when the script ends. Sets lab (lab.sh) and what
# pgsql-here tells: URL, PGHOST, PGPORT, PGUSER, PGPASSFILE.
[ -n "${lab:-}" ] || . "$SOURCE/tests/lab.sh"
"$SOURCE/tests/pgsql-here" up "$lab/p" >"$lab/up.log" 2>&1 || { cat "$lab/up.log"; fail "PostgreSQL does not start"; }
. "$lab/p/env"
database() { # NAME ...: new and empty, at $URL/NAME
  local name
  for name in "$@"; do psql -X -q -d postgres -c "create database \"$name\"" || fail "create database $name"; done
}
answer() { psql -X -q -t -A -d "$1" -c "$2"; } # NAME SQL
