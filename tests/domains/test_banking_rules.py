from ml.data.generators.santander.catalogue import PRODUCTS as SOLD
from ml.domains.banking_rules import BANKING_ELIGIBILITY, PRODUCTS


def test_the_rules_name_every_product_that_the_bank_sells() -> None:
    assert sorted(PRODUCTS) == sorted(product.flag for product in SOLD)
    assert set(BANKING_ELIGIBILITY.categories) == {product.category for product in SOLD}
