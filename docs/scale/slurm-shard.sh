#!/bin/bash
# One shard of slurm-submit.sh.
#SBATCH --job-name=lleval-shard
#SBATCH --cpus-per-task=2
#SBATCH --mem=2G
#SBATCH --time=08:00:00
#SBATCH --requeue
set -euo pipefail
# module load python; source "$HOME/evals/bin/activate"

run="$RUNS/shard-$SLURM_ARRAY_TASK_ID"
if [ -f "$run/manifest.json" ]; then
  # requeued, or submitted again
  exec pytest -n 2 --lleval-resume="$run"
fi
exec pytest -n 2 --lleval-suite="$SUITE" --lleval-shard="$SLURM_ARRAY_TASK_ID/$SHARDS" --lleval-run-dir="$run"
