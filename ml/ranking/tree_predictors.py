"""Ways to score a booster's trees, each from a file of its own: the flat forest and what it is measured against."""

from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

import numpy as np

from ml.data.arrays import Floats
from ml.errors import BadInput
from ml.ranking.forest import Forest
from ml.ranking.tree_ensemble import SCORES, VALUES, tree_ensemble

if TYPE_CHECKING:
    import xgboost

COMPILER = "gcc"
Predict = Callable[[Floats], Floats]  # rows (N, F), NaN where not known, to scores (N,)


@dataclass(frozen=True)
class TreePredictor:
    """Writes a fitted booster to a file, and opens the file to score rows on one thread."""

    name: str
    file: str
    write: Callable[["xgboost.Booster", Path], None]
    open: Callable[[Path], Predict]
    packages: tuple[str, ...] = ()  # beyond what Slate needs
    tool: str | None = None  # a program that `write` calls

    def missing(self) -> str | None:
        """What a person has to install before this can be measured; None: nothing."""
        absent = [package for package in self.packages if not find_spec(package)]
        if absent:
            return f"not installed: pip install {' '.join(absent)}"
        return f"not installed: {self.tool}" if self.tool and not which(self.tool) else None


def _write_xgboost(booster: "xgboost.Booster", path: Path) -> None:
    booster.save_model(path)


def _open_booster(path: Path) -> "xgboost.Booster":
    import xgboost

    booster = xgboost.Booster(model_file=path)
    booster.set_param({"nthread": 1})
    return booster


def _open_xgboost(path: Path) -> Predict:
    booster = _open_booster(path)

    def predict(values: Floats) -> Floats:
        scores: Floats = booster.inplace_predict(values, validate_features=False)
        return scores

    return predict


def _open_forest(path: Path) -> Predict:
    forest = Forest.of(_open_booster(path))
    if forest is None:
        raise BadInput("the trees are too deep to lie flat, or split by categories")
    return forest.predict


def _write_treelite(booster: "xgboost.Booster", path: Path) -> None:
    import treelite

    treelite.frontend.from_xgboost(booster).serialize(path)


def _open_treelite(path: Path) -> Predict:
    import treelite

    model = treelite.Model.deserialize(path)
    return lambda values: np.ravel(treelite.gtil.predict(model, values, nthread=1))


def _write_compiled(booster: "xgboost.Booster", path: Path) -> None:
    import tl2cgen
    import treelite

    with redirect_stdout(StringIO()):  # it prints which version of treelite wrote the model
        tl2cgen.export_lib(
            treelite.frontend.from_xgboost(booster), toolchain=COMPILER, libpath=path, params={}, options=["-O3"],
            nthread=1,
        )  # fmt: skip


def _open_compiled(path: Path) -> Predict:
    import tl2cgen

    predictor = tl2cgen.Predictor(path, nthread=1)
    return lambda values: np.ravel(predictor.predict(tl2cgen.DMatrix(values)))


def _write_onnx(booster: "xgboost.Booster", path: Path) -> None:
    path.write_bytes(tree_ensemble(booster).SerializeToString())


def _open_onnx(path: Path) -> Predict:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda values: np.ravel(session.run([SCORES], {VALUES: values})[0])


XGBOOST = TreePredictor("XGBoost, in place", "trees.ubj", _write_xgboost, _open_xgboost)
FLAT = TreePredictor("flat forest", "trees.ubj", _write_xgboost, _open_forest)
TREE_PREDICTORS = (
    XGBOOST,
    FLAT,
    TreePredictor("treelite, GTIL", "trees.treelite", _write_treelite, _open_treelite, ("treelite",)),
    TreePredictor("treelite, compiled", "trees.so", _write_compiled, _open_compiled, ("treelite", "tl2cgen"), COMPILER),
    TreePredictor("ONNX Runtime", "trees.onnx", _write_onnx, _open_onnx, ("onnx", "onnxruntime")),
)
