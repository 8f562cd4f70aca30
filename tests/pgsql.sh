# To be sourced by a script with a PostgreSQL of its own (pgsql-here), which goes when the script ends. Sets lab, a folder that other
# users may look into, and what pgsql-here tells: URL, PGHOST, PGPORT, PGUSER, PGPASSFILE. What else is to end: clean_up.
. "$SOURCE/tests/check.sh"
clean_up() { :; }
lab=$(mktemp -d /tmp/gm2-pgsql.XXXXXX) && chmod 755 "$lab"
trap 'clean_up; "$SOURCE/tests/pgsql-here" down "$lab/p"; rm -rf "$lab"' EXIT
"$SOURCE/tests/pgsql-here" up "$lab/p" >"$lab/up.log" 2>&1 || { cat "$lab/up.log"; fail "PostgreSQL does not start"; }
. "$lab/p/env"
database() { # NAME ...: new and empty, at $URL/NAME
  local name
  for name in "$@"; do psql -X -q -d postgres -c "create database \"$name\"" || fail "create database $name"; done
}
answer() { psql -X -q -t -A -d "$1" -c "$2"; } # NAME SQL
