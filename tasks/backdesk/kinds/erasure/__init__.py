"""The kind `customer.erase`."""
