# The catalogue on a PostgreSQL of our own: the same tests as on SQLite.
# timeout: 300
# ranks: 2
set -u
fail() { echo "FAILED: $*"; exit 1; }
lab=$(mktemp -d /tmp/gm2-pgsql.XXXXXX) && chmod 755 "$lab"
trap '"$SOURCE/tests/pgsql-here" down "$lab/s"; rm -rf "$lab"' EXIT
"$SOURCE/tests/pgsql-here" up "$lab/s" || fail "PostgreSQL does not start"
. "$lab/s/env"
for name in catalogue dimension ledger counts command; do psql -X -q -d postgres -c "create database $name" || fail "create database"; done
GM2_TEST_PGSQL=$URL/catalogue "$BUILD/tests/t_catalogue" >log 2>&1 || { cat log; fail "t_catalogue on PostgreSQL"; }
GM2_TEST_PGSQL=$URL/dimension "$BUILD/tests/t_dimension" >log 2>&1 || { cat log; fail "t_dimension on PostgreSQL"; }
GM2_TEST_PGSQL=$URL/counts "$BUILD/tests/t_stage_count" >log 2>&1 || { cat log; fail "t_stage_count on PostgreSQL"; }
GM2_TEST_PGSQL=$URL/ledger "$BUILD/tests/t_ledger" >log 2>&1 || { cat log; fail "t_ledger on PostgreSQL"; }
FILES_DB=$URL/command bash "$SOURCE/tests/cli/files.sh" || fail "gm2 files on PostgreSQL"
exit 0
