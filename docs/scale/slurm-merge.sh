#!/bin/bash
# Puts the shards of slurm-submit.sh together and judges the whole.
#SBATCH --job-name=lleval-merge
#SBATCH --mem=4G
#SBATCH --time=01:00:00
set -euo pipefail
# module load python; source "$HOME/evals/bin/activate"

# a shard that was never started has no manifest, and is named as missing
found=()
for manifest in "$RUNS"/shard-*/manifest.json; do
  found+=("$(dirname "$manifest")")
done
whole="$RUNS/whole-$SLURM_JOB_ID"
lleval merge "${found[@]}" --output "$whole" --report "$whole.html"
