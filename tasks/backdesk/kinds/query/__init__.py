"""`data.query`: one SELECT over a tenant's data sets, with its progress, its cost, and a result that may be large."""
