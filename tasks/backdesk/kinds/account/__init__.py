"""`account.help`: a customer's own account, behind a sign-in."""
