# The faults of tests/server/campaign_faults.sh, five rounds of them.
# timeout: 1800
# ranks: 2
GM2_ROUNDS=5 exec bash "$SOURCE/tests/server/campaign_faults.sh"
