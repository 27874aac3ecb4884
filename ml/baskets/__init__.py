"""Next-basket recommendation: what a known customer takes on the next visit, from all baskets before it."""
