#!/bin/bash
# Submits an array of shards, and the job that puts them together when the last one has ended. Jobs run in the folder
# it is started in, the project's:
#
#   SHARDS=64 SUITE=mmlu LLEVAL_MODEL=openai/gpt-4o-mini RUNS=$SCRATCH/first path/to/slurm-submit.sh
#
# Again with the same RUNS: what is there is kept, and only what is missing is asked.
set -euo pipefail
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
export SHARDS=${SHARDS:-64} SUITE=${SUITE:-mmlu} RUNS=${RUNS:-$PWD/runs}
mkdir -p "$RUNS"

shards=$(sbatch --parsable --array="1-$SHARDS%${AT_ONCE:-16}" --output="$RUNS/shard-%a.log" "$here/slurm-shard.sh")
# afterany: what is missing is said by the merge, which fails then
sbatch --dependency="afterany:${shards%%;*}" --output="$RUNS/merge.log" "$here/slurm-merge.sh"
