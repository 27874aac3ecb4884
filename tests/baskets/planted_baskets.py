"""Baskets with a rule: every customer takes the next item around a ring, and an own favourite each time."""

import pandas as pd

RING, CUSTOMERS, VISITS = 12, 40, 5


def planted(customers: int = CUSTOMERS, visits: int = VISITS) -> tuple[pd.DataFrame, pd.DataFrame]:
    """History and next baskets, in the shape of the files."""
    rows = [
        (user, visit, item)
        for user in range(customers)
        for visit in range(visits + 1)
        for item in ((user + visit) % RING, RING + user % 5)
    ]
    frame = pd.DataFrame(rows, columns=["user_id", "basket", "item_id"])
    last = frame["basket"] == visits
    return frame[~last].reset_index(drop=True), frame.loc[last, ["user_id", "item_id"]].reset_index(drop=True)
