"""The dbt project as tasks of the features DAG, by Cosmos: one a model, its tests beside it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml.artifacts import build, file_digest, read_json
from ml.features.marts import dbt_environment, dbt_identity, run_dbt
from ml.settings import settings
from ml.wheel.conventions import WAREHOUSE_POOL

LAST_MODEL = "completed_snapshots"
"""Records that a build is whole, so it is built after everything else has passed its tests."""

WRITTEN_BY_DBT = ("target", "logs", "dbt_packages")


def dbt_tasks(domain: str, variables: Any, full_refresh: Any) -> Any:
    """The task group `dbt` of the DAG that is being declared.

    Args:
        domain: Whose models are drawn.
        variables: The plan's variables, from an upstream task.
        full_refresh: Whether tables are made from nothing, from an upstream task.
    """
    from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
    from cosmos.constants import InvocationMode, LoadMode, TestBehavior

    project, manifest = settings().dbt_project, dbt_manifest(domain)
    group = DbtTaskGroup(
        group_id="dbt",
        project_config=ProjectConfig(
            project, manifest_path=manifest, install_dbt_deps=False, env_vars=task_environment()
        ),
        profile_config=ProfileConfig("slate", "local", profiles_yml_filepath=project / "profiles.yml"),
        execution_config=ExecutionConfig(invocation_mode=InvocationMode.DBT_RUNNER),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            exclude=["resource_type:exposure"],
            test_behavior=TestBehavior.AFTER_EACH,
            should_detach_multiple_parents_tests=True,  # a test of two models has to wait for both
            emit_datasets=False,
        ),
        operator_args={"vars": variables, "full_refresh": full_refresh, "pool": WAREHOUSE_POOL},
    )
    _finish(group, read_json(manifest)["nodes"])
    return group


def _finish(group: Any, nodes: Mapping[str, Any]) -> None:
    """Document each task, and let the last model wait for the tests that stand by themselves, as in `dbt build`."""
    operators = {operator.task_id: operator for operator in group.iter_tasks()}
    last = operators[f"{group.group_id}.{LAST_MODEL}.run"]
    for operator in operators.values():
        node = nodes[operator.extra_context["dbt_node_config"]["unique_id"]]
        operator.doc_md = node["description"] or f"The dbt {node['resource_type']} `{node['name']}`."
        if node["resource_type"] == "test":
            operator.set_downstream(last)


def task_environment() -> dict[str, str]:
    """What dbt and the project read from the environment.

    Unit tests are about the SQL and run where that is tested; the manifest is not written again by every task.
    """
    return dbt_environment() | {"DBT_EXCLUDE_RESOURCE_TYPES": "unit_test", "DBT_WRITE_JSON": "false"}


def dbt_manifest(domain: str) -> Path:
    """The project's `manifest.json` as this domain renders it: parsed anew only when a file of the project changes.

    Reading the DAG file must not run dbt each time, and a manifest that somebody has to remember to make would soon
    draw models that are gone.
    """
    inputs = {"domain": domain, "files": project_files(settings().dbt_project)}

    def parse(folder: Path) -> None:
        run_dbt(["parse", "--no-partial-parse", "--target-path", str(folder / "target")], dbt_identity(domain))

    return build("dbt_manifest", inputs, parse) / "target" / "manifest.json"


def project_files(project: Path) -> dict[str, str]:
    """Digests of the project's own files, by path."""
    own = [path for path in sorted(project.rglob("*")) if path.relative_to(project).parts[0] not in WRITTEN_BY_DBT]
    return {str(path.relative_to(project)): file_digest(path) for path in own if path.is_file()}
