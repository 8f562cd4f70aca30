# Some of the faults at points, and some histories, with the catalogue on a PostgreSQL of our own: the same program as on SQLite.
# GM2_EVERY=1 GM2_HISTORIES=1000: all of them.
# timeout: 600
# ranks: 2
set -u
fail() { echo "FAILED: $*"; exit 1; }
lab=$(mktemp -d /tmp/gm2-pgsql.XXXXXX) && chmod 755 "$lab"
trap '"$SOURCE/tests/pgsql-here" down "$lab/s"; rm -rf "$lab"' EXIT
"$SOURCE/tests/pgsql-here" up "$lab/s" || fail "PostgreSQL does not start"
. "$lab/s/env"
psql -X -q -d postgres -c "create database faults" || fail "create database"
export GM2_TEST_PGSQL=$URL/faults
GM2_EVERY=${GM2_EVERY:-40} "$BUILD/tests/t_fault_points" >log 2>&1 || { cat log; fail "faults at points, on PostgreSQL"; }
"$BUILD/tests/t_faults" ${GM2_HISTORIES:-8} 1 >log 2>&1 || { cat log; fail "histories on PostgreSQL"; }
exit 0
