"""A sample data set: orders of a shop that there is not, the same in each process, with what is wrong in real ones.

Of 5,000 orders some are there twice, some name no customer, and some have an impossible quantity.
"""

from __future__ import annotations

SAMPLE_NAME = "sample_orders"
SAMPLE_SQL = """
    WITH numbers AS (SELECT i FROM range(5000) t(i) UNION ALL SELECT i FROM range(0, 5000, 97) t(i))
    SELECT
        10000 + i AS order_id,
        CASE WHEN i % 53 <> 7 THEN 'cust-' || (i * 7919 % 800) END AS customer_id,
        DATE '2025-01-01' + CAST(i * 37 % 540 AS INTEGER) AS ordered_on,
        ['north', 'south', 'east', 'west'][1 + i * 13 % 4] AS region,
        ['kettle', 'toaster', 'lamp', 'chair', 'desk'][1 + i * 29 % 5] AS product,
        CASE WHEN i % 101 = 5 THEN -1 ELSE 1 + i * 17 % 6 END AS quantity,
        CASE WHEN i % 211 <> 3 THEN CAST((499 + i * 7919 % 20000) / 100.0 AS DECIMAL(10, 2)) END AS unit_price,
        i % 10 = 0 AS discounted
    FROM numbers
    ORDER BY order_id
"""
