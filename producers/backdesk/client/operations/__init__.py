"""What clients do, without saying how they wait: each operation is a generator that yields what it asks Redis."""
