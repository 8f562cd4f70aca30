# Some of the faults at points, and some histories, with the catalogue on a PostgreSQL of our own: the same program as on SQLite.
# GM2_EVERY=1 GM2_HISTORIES=1000: all of them.
# timeout: 600
# ranks: 2
. "$SOURCE/tests/pgsql.sh"
database faults
export GM2_TEST_PGSQL=$URL/faults
GM2_EVERY=${GM2_EVERY:-40} "$BUILD/tests/t_fault_points" >log 2>&1 || { cat log; fail "faults at points, on PostgreSQL"; }
"$BUILD/tests/t_faults" ${GM2_HISTORIES:-8} 1 >log 2>&1 || { cat log; fail "histories on PostgreSQL"; }
exit 0
