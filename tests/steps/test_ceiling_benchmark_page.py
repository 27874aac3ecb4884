"""The page of shares of the ceiling."""

from ml.steps.ceiling_benchmark_page import write_ceiling_page


def row(model: str, share: float, seed: int | None = None, month: str | None = None, low: float | None = None) -> dict:
    interval = {"mean": share, "low": low, "high": None if low is None else share + 0.02}
    kind = "recommender" if model == "slate" else "baseline"
    return {
        "seed": seed,
        "month": month,
        "model": model,
        "kind": kind,
        "cases": 12,
        "map@7": interval,
        "share": interval,
    }


def document() -> dict:
    parts = [(41, None), (None, None), (None, "2016-02-01")]
    rows = [
        row(model, share, seed, month, low=None if seed else share - 0.01)
        for seed, month in parts
        for model, share in (("ceiling", 1.0), ("popularity", 0.6), ("slate", 0.95))
    ]
    return {"domain": "banking", "customers": 20_000, "rows": rows}


def test_the_page_ranks_models_and_shows_seeds_months_and_the_picture(tmp_path):
    write_ceiling_page(document(), tmp_path / "page.md")
    lines = (tmp_path / "page.md").read_text(encoding="utf-8").splitlines()
    assert "| ceiling | 1.0000 [0.9900, 1.0200] | 100.0 [99.0, 102.0] % | 100.0 [–, –] % |" in lines
    ranked = [line.split(" | ")[0] for line in lines if line.startswith(("| ceiling", "| slate", "| popularity"))]
    assert ranked == ["| ceiling", "| slate", "| popularity"] * 2
    assert "| slate | 95.0 [94.0, 97.0] % |" in lines
    assert (tmp_path / "images" / "page.png").read_bytes().startswith(b"\x89PNG")
