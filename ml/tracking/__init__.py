"""MLflow runs, the model registry and the promotion gate: the only room that imports mlflow."""
