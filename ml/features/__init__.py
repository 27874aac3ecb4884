"""Features: declared once, computed by dbt, kept up to date by the streaming fold, read here as arrays."""
