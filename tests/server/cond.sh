# The same database tests on a PostgreSQL of our own: the layer first.
# timeout: 300
# ranks: 2
set -u
fail() { echo "FAILED: $*"; exit 1; }
lab=$(mktemp -d /tmp/gm2-pgsql.XXXXXX) && chmod 755 "$lab"
trap '"$SOURCE/tests/pgsql-here" down "$lab/s"; rm -rf "$lab"' EXIT
"$SOURCE/tests/pgsql-here" up "$lab/s" || fail "PostgreSQL does not start"
. "$lab/s/env"
psql -q -d postgres -c 'create database unit' || fail "create database"
GM2_TEST_PGSQL=$URL/unit "$BUILD/tests/t_db" >log 2>&1 || { cat log; fail "t_db on PostgreSQL"; }
exit 0
