"""The code of every model that Slate registers: MLflow stores this file in place of a pickle and runs it on loading.

It opens the model's folder by the function that `model_config` names, such as `ml.bundle.served:open_served`.
"""

import pkgutil
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc import PythonModel


class ServedModel(PythonModel):  # type: ignore[misc]  # mlflow has no types
    """A folder behind MLflow's `predict`."""

    def load_context(self, context: Any) -> None:
        """Open the folder once, when the model is loaded."""
        opener = pkgutil.resolve_name(context.model_config["opener"])
        self.opened = opener(Path(context.artifacts["folder"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002 - MLflow's signature
        """Answer a table of requests with a table of results."""
        answer: pd.DataFrame = self.opened.predict(model_input)
        return answer


mlflow.models.set_model(ServedModel())
