"""`orders.audit`: whether the ledger of payments agrees with the orders."""
