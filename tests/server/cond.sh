# The constants on a PostgreSQL of our own: the command with its four writers, a job; the same tests as on SQLite.
# timeout: 300
# ranks: 2
. "$SOURCE/tests/pgsql.sh"
for name in cond cond_job; do
  mkdir $name && (cd $name && GM2_TEST_SERVER=$URL/$name bash "$SOURCE/tests/cli/$name.sh") || fail "$name on PostgreSQL"
done
exit 0
