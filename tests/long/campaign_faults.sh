# tests/server/campaign_faults.sh five times over: 75 faults on a real Slurm.
# timeout: 3600
# ranks: 2
GM2_ROUNDS=5 bash "$SOURCE/tests/server/campaign_faults.sh"
