"""The sample business: its tables, its data, and tools on orders, payments, products, carts and refunds."""
