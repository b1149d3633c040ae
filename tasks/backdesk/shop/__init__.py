"""The sample business: its tables, its data, and tools on orders, payments, products, carts and refunds.

Begin with `tables`, then with a tool, such as `orders`; what changes money (`refund`, `checkout`) is one transaction
each, and `reconciliation` checks the books. It may import the agents, the platform and the engine, and knows neither
tickets nor kinds.
"""
