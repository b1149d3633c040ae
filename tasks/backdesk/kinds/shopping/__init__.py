"""`shop.purchase`: agents that browse, advise and sell."""
