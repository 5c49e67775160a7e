"""The workflows do what a person can do here: every step is a make target, and one gate waits for all jobs."""

import re
import sys
from pathlib import Path

import pytest
import yaml

from pytest_apiservice.base.run import run
from summary import summary
from workflow_steps import WORKFLOWS, outside, steps

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / ".github").rglob("*.yaml"))
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z0-9-]+):", MAKEFILE, re.MULTILINE))


@pytest.mark.parametrize("workflow", sorted(WORKFLOWS.glob("*.yaml")), ids=lambda path: path.name)
def test_every_run_line_is_a_make_target(workflow):
    # The release's expressions are GitHub's to fill in, so the lines are read as they stand.
    jobs = yaml.safe_load(workflow.read_text())["jobs"]
    lines = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    for line in lines:
        make, *targets = line.split()
        assert make == "make", f"{workflow.name}: '{line}' does not run here with make"
        assert set(targets) <= TARGETS, f"{workflow.name}: '{line}' names a target that the Makefile lacks"


def test_every_environment_that_make_calls_is_in_tox():
    called = set(re.findall(r"-e (\w+)", MAKEFILE))
    named = set(re.findall(r"^\[testenv:(\w+)\]", (ROOT / "tox.ini").read_text(), re.MULTILINE))
    assert called - {"dev"} == named - {"mutation", "autobahn"}, "dev is [testenv] as it is; make interop calls these"


def test_steps_come_in_the_order_of_their_needs():
    jobs = [step.job for step in steps(WORKFLOWS / "ci.yaml")]
    assert jobs[0] == "programs"
    assert jobs[-1] == "gate"
    assert jobs.index("lint") < jobs.index("embedded") < jobs.index("kind")


def test_a_matrix_stands_for_its_newest_entry():
    kind = next(step for step in steps(WORKFLOWS / "ci.yaml") if step.job == "kind")
    assert re.fullmatch(r"kindest/node:v1\.\d+\.\d+@sha256:[0-9a-f]{64}", kind.environment["NODE_IMAGE"])


def steps_with(**variables):
    script = [sys.executable, ROOT / "ci" / "workflow_steps.py"]
    return run(script, env={**outside(), **variables}, timeout_seconds=30, check=False)


def test_jobs_can_be_chosen():
    listed = steps_with(JOBS="unit,lint").stdout.splitlines()
    assert list(dict.fromkeys(line.split(":")[0] for line in listed)) == ["lint", "unit"]
    assert [line.split()[-1] for line in listed] == ["lint", "unit", "chart", "docs", "summary"]


def test_an_unknown_job_is_named_with_the_known_ones():
    refused = steps_with(JOBS="unit,e2e")
    assert refused.returncode == 1
    known = "programs, lint, site, unit, embedded, cert-manager, kind, gate"
    assert refused.stderr == f"JOBS names e2e, and ci.yaml has {known}: correct or unset it\n"


def test_a_step_is_run_with_its_environment():
    done = steps_with(RUN="1", JOBS="gate")
    assert (done.returncode, "every job succeeded" in done.stdout) == (0, True), done.stderr


def test_a_step_that_fails_is_named():
    done = steps_with(RUN="1", JOBS="gate", UNSET="RESULTS")
    assert done.returncode == 1
    assert done.stderr.endswith("failed with exit code 2: make gate\n"), done.stderr


def test_the_gate_waits_for_every_job():
    jobs = yaml.safe_load((WORKFLOWS / "ci.yaml").read_text())["jobs"]
    assert set(jobs["gate"]["needs"]) == set(jobs) - {"gate"}


@pytest.mark.parametrize(
    ("results", "passes"),
    [
        ("success success", True),
        ("success failure", False),
        ("success skipped", False),
        ("cancelled", False),
        ("", False),
    ],
)
def test_the_gate_opens_only_if_all_succeeded(results, passes):
    gate = run(["make", "gate", f"RESULTS={results}"], cwd=ROOT, timeout_seconds=30, check=False)
    assert (gate.returncode == 0) is passes, gate.stderr


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / ".github")))
def test_every_action_is_pinned_by_commit_and_says_its_version(path):
    for used in re.findall(r"uses: (?!\./)(.+)", path.read_text()):
        assert re.fullmatch(r"[\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", used), f"{path.name}: {used}"


def test_every_use_of_an_action_has_one_version():
    used = {line for path in FILES for line in re.findall(r"uses: (?!\./)(.+)", path.read_text())}
    assert len({line.partition("@")[0] for line in used}) == len(used), f"differing pins: {sorted(used)}"


def used_steps(action):
    """Yield (workflow, job's name, step) for each step of a workflow that uses ``action``; the setup action's job is ""."""
    for path in FILES:
        document = yaml.safe_load(path.read_text())
        jobs = {"": document["runs"]} if "runs" in document else document.get("jobs", {})
        for name, job in jobs.items():
            for step in job["steps"]:
                if step.get("uses", "").startswith(action):
                    yield path.name, name, step


def test_a_cache_is_saved_only_by_the_job_that_has_all_of_it():
    """What is kept under a key stays as it is: the first job to finish would keep its own few programs for everybody."""
    assert list(used_steps("actions/cache@")) == []
    restored = {step["with"]["path"] for _, _, step in used_steps("actions/cache/restore@")}
    saved = {(job, step["with"]["path"]) for _, job, step in used_steps("actions/cache/save@")}
    programs = "~/.cache/pytest-apiservice/tools"
    assert saved == {("programs", programs), ("interop", programs), ("unit", "~/.cache/pip")}
    assert restored == {path for _, path in saved}


def test_a_job_that_upgrades_the_chart_has_the_tags_to_upgrade_from():
    jobs = {
        (path.name, name): job
        for path in WORKFLOWS.glob("*.yaml")
        for name, job in yaml.safe_load(path.read_text())["jobs"].items()
    }
    upgrading = {
        key for key, job in jobs.items() if {"make e2e", "make interop"} & {step.get("run") for step in job["steps"]}
    }
    with_tags = {
        (file, job) for file, job, step in used_steps("actions/checkout@") if step["with"].get("fetch-depth") == 0
    }
    assert upgrading == with_tags


def test_nothing_is_released_that_was_not_tested_on_a_real_cluster():
    jobs = yaml.safe_load((WORKFLOWS / "release.yaml").read_text())["jobs"]
    (tested,) = [step for step in jobs["test"]["steps"] if step.get("run") == "make e2e"]
    assert (tested["env"], jobs["release"]["needs"]) == ({"CLUSTER": "kind"}, "test")


def test_only_the_default_branch_is_published_and_the_job_that_may_do_it_runs_nothing_of_ours():
    jobs = yaml.safe_load((WORKFLOWS / "site.yaml").read_text())["jobs"]
    assert (jobs["build"]["if"], jobs["publish"]["needs"]) == ("github.ref == 'refs/heads/main'", "build")
    assert jobs["build"]["permissions"] == {"contents": "read"}
    assert jobs["publish"]["permissions"] == {"pages": "write", "id-token": "write"}
    assert [step["uses"].partition("@")[0] for step in jobs["publish"]["steps"]] == ["actions/deploy-pages"]


def test_every_workflow_but_the_release_can_be_started_by_hand():
    startable = {path.stem for path in WORKFLOWS.glob("*.yaml") if "\n  workflow_dispatch:" in path.read_text()}
    assert startable == {path.stem for path in WORKFLOWS.glob("*.yaml")} - {"release"}


def test_dependabot_moves_every_family_of_programs_but_those_that_must_move_as_one():
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]
    (listed,) = [entry["directories"] for entry in updates if entry["package-ecosystem"] == "gomod"]
    families = {
        f"/{path.parent.relative_to(ROOT)}"
        for path in (*ROOT.glob("ci/tools/*/go.mod"), *ROOT.glob("ci/interop/languages/*/go.mod"))
        if "\nreplace " not in path.read_text()
    }
    assert set(listed) == families, (
        "list in .github/dependabot.yml each family of ci/tools and ci/interop/languages whose go.mod has no replace line"
    )


JUNIT = """<testsuites><testsuite name="pytest" errors="0" failures="1" skipped="1" tests="3" time="61.5">
<testcase classname="tests.e2e.test_echo" name="test_good"/>
<testcase classname="tests.e2e.test_echo" name="test_skipped"><skipped message="needs OpenShift"/></testcase>
<testcase classname="tests.e2e.test_echo" name="test_bad"><properties><property name="cause" value="no pod is ready"/></properties>
<failure message="AssertionError: 503 != 200">trace</failure></testcase></testsuite></testsuites>"""


def test_the_summary_says_what_was_run_and_why_a_test_failed(tmp_path):
    (tmp_path / "e2e.xml").write_text(JUNIT)
    text = summary(tmp_path)
    assert "| e2e | 1 | 1 | 1 | 62 |" in text
    assert (
        "**e2e: tests.e2e.test_echo::test_bad**\n\n~~~~text\nno pod is ready\nAssertionError: 503 != 200\n~~~~" in text
    )


def test_the_summary_says_that_no_test_was_run(tmp_path):
    assert summary(tmp_path) == "No test was run: reports/ holds no JUnit file.\n"


def test_every_job_has_a_deadline_and_says_the_usual_time():
    for workflow in WORKFLOWS.glob("*.yaml"):
        text = workflow.read_text()
        deadlines = re.findall(r"timeout-minutes: (\d+) # usual: ([\d.]+)", text)
        assert len(deadlines) == len(yaml.safe_load(text)["jobs"]), f"{workflow.name}: a job lacks one"
        for limit, usual in deadlines:
            assert float(usual) < float(limit), f"{workflow.name}: usually {usual}, at most {limit}"
