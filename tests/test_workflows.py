"""The workflows keep what they promise: no foreign code near a right to write, and no right that is not needed."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / ".github/workflows"
OFFICIAL: Final = re.compile(r"actions/[a-z-]+(/[a-z]+)?@v\d+")
# Who may write what, and where that right must stand: at a job, never at a whole workflow.
RIGHTS: Final = {
    "performance-comment.yml": {"actions": "read", "contents": "read", "pull-requests": "write"},
    "history.yml": {"contents": "write"},
}
# What of an event anybody may choose freely; it reaches a script as a variable only.
FOREIGN: Final = (
    "head_branch",
    "head_repository",
    "head_ref",
    "pull_request.title",
    "pull_request.body",
    "display_title",
)

Workflow = dict[Any, Any]


def load(name: str) -> Workflow:
    loaded = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def triggers(workflow: Workflow) -> dict[str, Any]:
    """`on`, which YAML 1.1 takes for a truth value."""
    found: Any = workflow.get("on", workflow.get(True))
    return dict(found) if isinstance(found, dict) else dict.fromkeys([found] if isinstance(found, str) else found)


def steps(workflow: Workflow) -> Iterator[dict[str, Any]]:
    for job in workflow["jobs"].values():
        yield from job["steps"]


def problems(name: str, workflow: Workflow) -> list[str]:
    """What is wrong with a workflow, a line each."""
    return [*_rights(name, workflow), *_scripts(workflow), *_foreign_code(workflow)]


def _rights(name: str, workflow: Workflow) -> Iterator[str]:
    if "permissions" not in workflow:
        yield "no permissions: it has all that the repository's setting gives"
    elif workflow["permissions"] not in ({}, {"contents": "read"}):
        yield f"rights of the whole workflow: {workflow['permissions']}"
    for job, content in workflow["jobs"].items():
        allowed = RIGHTS.get(name, {"contents": "read"})
        if content.get("permissions", {}) not in ({}, allowed):
            yield f"rights of {job}: {content['permissions']}"
        if "timeout-minutes" not in content:
            yield f"{job} may run for ever"
    writes = any("write" in job.get("permissions", {}).values() for job in workflow["jobs"].values())
    for trigger in triggers(workflow):
        if trigger == "pull_request_target":
            yield "pull_request_target gives a pull request's workflow the right to write"
        if writes and trigger not in ("push", "schedule", "workflow_run"):
            yield f"a right to write on {trigger}"
    if writes and "push" in triggers(workflow) and triggers(workflow)["push"] != {"branches": ["main"]}:
        yield "a right to write on pushes to other branches than main"


def _scripts(workflow: Workflow) -> Iterator[str]:
    for step in steps(workflow):
        if uses := step.get("uses"):
            if not OFFICIAL.fullmatch(uses):
                yield f"{uses} is not an official action at a major version"
        elif "${{" in step["run"]:
            yield f"an expression inside a script: {step['run']}"


def _foreign_code(workflow: Workflow) -> Iterator[str]:
    """Of a workflow that has rights on behalf of a pull request: nothing of that pull request is checked out or run."""
    if "workflow_run" not in triggers(workflow):
        return
    for step in steps(workflow):
        said = str(step.get("with", {}))
        if "checkout" in step.get("uses", ""):
            if step["with"].get("ref") != "${{ github.event.repository.default_branch }}":
                yield f"checks out something else than the default branch: {said}"
            if step["with"].get("persist-credentials") is not False:
                yield "leaves the token where a script could find it"
        if any(word in said for word in FOREIGN) or "head_sha" in said:
            yield f"an action is given what the pull request chose: {said}"
        script = step.get("run", "")
        if re.search(r"\bgit (fetch|pull|checkout|clone)|gh pr checkout|gh repo clone|\bsource\b|\beval\b", script):
            yield f"a script fetches code: {script}"
        if "pipx run nox" in script and "GH_TOKEN" in step.get("env", {}):
            yield "a token in the environment of a step that reads the record"
    text = str(workflow["jobs"])
    if re.search(r"number[^|]*record\.jsonl|comment\.md\W*\|", text):
        yield "the pull request's number comes from the artifact"


NAMES: Final = sorted(path.name for path in FOLDER.glob("*.y*ml"))


def test_all_workflows_are_looked_at() -> None:
    assert {"ci.yml", "performance.yml", "performance-comment.yml", "history.yml"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_workflow_is_safe(name: str) -> None:
    assert problems(name, load(name)) == []


@pytest.mark.parametrize("name", NAMES)
def test_scripts_are_shell_and_call_sessions_and_commands_that_exist(name: str) -> None:
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    sessions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    from results.__main__ import COMMANDS

    for step in steps(load(name)):
        if script := step.get("run"):
            subprocess.run(["bash", "-n"], input=script, text=True, check=True)
            for session in re.findall(r"nox -s (\S+)", script):
                assert session in sessions, script
            for command in re.findall(r"nox -s results -- (\S+)", script):
                assert command in COMMANDS, script


def test_poster_follows_the_gate_and_takes_the_number_from_the_event() -> None:
    poster, gate = load("performance-comment.yml"), load("performance.yml")
    assert triggers(poster) == {"workflow_run": {"workflows": [gate["name"]], "types": ["completed"]}}
    assert list(triggers(gate)) == ["pull_request"]
    order = list(steps(poster))
    which = next(number for number, step in enumerate(order) if step.get("id") == "pull")
    artifact = next(number for number, step in enumerate(order) if "artifacts" in step.get("run", ""))
    assert which < artifact
    assert set(order[which]["env"]) == {"GH_TOKEN", "HEAD_OWNER", "HEAD_BRANCH", "HEAD_SHA"}
    assert [step["env"]["PULL"] for step in order if "PULL" in step.get("env", {})] == [
        "${{ steps.pull.outputs.number }}"
    ]
    names = {step["with"]["name"] for step in steps(gate) if "upload-artifact" in step.get("uses", "")}
    assert '"performance-record"' in order[artifact]["run"]
    assert "performance-record" in names


def test_history_is_written_by_main_and_the_night_only() -> None:
    history = load("history.yml")
    assert set(triggers(history)) == {"push", "schedule"}
    for name in NAMES:
        pushes = [step["run"] for step in steps(load(name)) if "push" in step.get("run", "")]
        assert (name == "history.yml") == bool(pushes), pushes
        assert not any("--force" in script or "-f origin" in script for script in pushes)


def bad(change: str) -> Workflow:
    workflow = load("performance-comment.yml")
    (job,) = workflow["jobs"].values()
    checkout = next(step for step in job["steps"] if "checkout" in step.get("uses", ""))
    match change:
        case "target":
            workflow[True] = {"pull_request_target": None}
        case "head":
            checkout["with"]["ref"] = "${{ github.event.workflow_run.head_sha }}"
        case "credentials":
            del checkout["with"]["persist-credentials"]
        case "rights":
            job["permissions"]["contents"] = "write"
        case "everything":
            del workflow["permissions"]
        case "expression":
            job["steps"].append({"run": "echo ${{ github.event.workflow_run.head_branch }}"})
        case "action":
            job["steps"].append({"uses": "somebody/comment@main"})
        case "fetch":
            job["steps"].append({"run": "gh pr checkout 1"})
    return workflow


@pytest.mark.parametrize(
    "change", ["target", "head", "credentials", "rights", "everything", "expression", "action", "fetch"]
)
def test_a_workflow_that_breaks_a_rule_is_found(change: str) -> None:
    assert problems("performance-comment.yml", bad(change)) != []


def test_the_debug_kernel_runs_at_night_and_not_for_pull_requests() -> None:
    """Building it alone takes longer than all that CI does when everything is cached."""
    nightly = load("debug.yml")
    assert "schedule" in triggers(nightly)
    assert "pull_request" not in triggers(nightly)
    ran = "\n".join(step.get("run", "") for step in steps(nightly))
    for session in ("functional", "robustness"):
        assert f"nox -s {session} -- --kernel debug" in ran
    assert "--kernel debug" not in (ROOT / ".ci/run").read_text(encoding="utf-8")
