-- The tables as the first release has made them, before there were migrations, with a part of what was in them.
CREATE TABLE customers (
 id VARCHAR NOT NULL,
 name VARCHAR NOT NULL,
 email VARCHAR NOT NULL,
 PRIMARY KEY (id)
);
CREATE TABLE products (
 id INTEGER NOT NULL,
 name VARCHAR NOT NULL,
 price_cents INTEGER NOT NULL,
 PRIMARY KEY (id)
);
CREATE TABLE tickets (
 id INTEGER NOT NULL,
 tenant VARCHAR NOT NULL,
 "key" VARCHAR NOT NULL,
 customer_id VARCHAR,
 order_number INTEGER,
 subject VARCHAR NOT NULL,
 details TEXT NOT NULL,
 priority VARCHAR NOT NULL,
 opened_at DATETIME NOT NULL,
 PRIMARY KEY (id),
 UNIQUE (tenant, "key")
);
CREATE TABLE ledger (
 id INTEGER NOT NULL,
 order_number INTEGER NOT NULL,
 kind VARCHAR NOT NULL,
 amount_cents INTEGER NOT NULL,
 reference VARCHAR NOT NULL,
 booked_on DATE NOT NULL,
 PRIMARY KEY (id)
);
CREATE INDEX ledger_by_order ON ledger (order_number, id);
CREATE TABLE articles (
 slug VARCHAR NOT NULL,
 title VARCHAR NOT NULL,
 keywords VARCHAR NOT NULL,
 body TEXT NOT NULL,
 PRIMARY KEY (slug)
);
CREATE TABLE conversation_turns (
 id INTEGER NOT NULL,
 tenant VARCHAR NOT NULL,
 conversation_id VARCHAR NOT NULL,
 "key" VARCHAR NOT NULL,
 customer_id VARCHAR,
 messages TEXT NOT NULL,
 clarifying BOOLEAN NOT NULL,
 finished_at DATETIME NOT NULL,
 PRIMARY KEY (id),
 UNIQUE (tenant, conversation_id, "key")
);
CREATE TABLE seedings (
 name VARCHAR NOT NULL,
 seeded_at DATETIME NOT NULL,
 PRIMARY KEY (name)
);
CREATE TABLE orders (
 number INTEGER NOT NULL,
 customer_id VARCHAR NOT NULL,
 status VARCHAR NOT NULL,
 total_cents INTEGER NOT NULL,
 placed_on DATE NOT NULL,
 delivered_on DATE,
 used BOOLEAN NOT NULL,
 PRIMARY KEY (number),
 FOREIGN KEY(customer_id) REFERENCES customers (id)
);
CREATE INDEX ix_orders_placed_on ON orders (placed_on);
CREATE INDEX ix_orders_customer_id ON orders (customer_id);
CREATE TABLE order_lines (
 id INTEGER NOT NULL,
 order_number INTEGER NOT NULL,
 product_id INTEGER NOT NULL,
 quantity INTEGER NOT NULL,
 unit_cents INTEGER NOT NULL,
 PRIMARY KEY (id),
 FOREIGN KEY(order_number) REFERENCES orders (number),
 FOREIGN KEY(product_id) REFERENCES products (id)
);
CREATE INDEX ix_order_lines_order_number ON order_lines (order_number);
CREATE TABLE refunds (
 id VARCHAR NOT NULL,
 order_number INTEGER NOT NULL,
 amount_cents INTEGER NOT NULL,
 reason VARCHAR NOT NULL,
 "key" VARCHAR NOT NULL,
 made_at DATETIME NOT NULL,
 PRIMARY KEY (id),
 UNIQUE (order_number),
 FOREIGN KEY(order_number) REFERENCES orders (number)
);
CREATE INDEX ix_refunds_key ON refunds ("key");

INSERT INTO customers VALUES
    ('cust-1', 'Ada Moreau', 'ada@example.com'), ('cust-2', 'Ben Okafor', 'ben@example.com'),
    ('cust-3', 'Chiara Rossi', 'chiara@example.com'), ('cust-4', 'Daan Visser', 'daan@example.com'),
    ('cust-5', 'Elif Kaya', 'elif@example.com'), ('cust-6', 'Finn Larsen', 'finn@example.com'),
    ('cust-7', 'Grace Liu', 'grace@example.com'), ('cust-8', 'Hugo Silva', 'hugo@example.com'),
    ('k-77', 'Ivo Real', 'ivo@example.org');
INSERT INTO products VALUES
    (1, 'Aurora desk lamp', 5900), (2, 'Breeze headphones', 12900), (3, 'Cobalt keyboard', 8900),
    (4, 'Drift mouse', 3900), (5, 'Ember smart plug', 2400), (6, 'Fjord router', 14900),
    (7, 'Glide webcam', 6900), (8, 'Halo speaker', 9900), (9, 'Our own chair', 19900);
INSERT INTO orders VALUES (10001, 'k-77', 'delivered', 5900, '2026-01-02', '2026-01-05', 0);
INSERT INTO order_lines VALUES (1, 10001, 1, 1, 5900);
INSERT INTO refunds VALUES ('R-10001', 10001, 5900, 'returned', 'job-1:refund/10001', '2026-01-08 12:00:00');
INSERT INTO tickets VALUES (7, 'acme', 'job-2:ticket', NULL, 10001, 'Smoke', 'It smokes.', 'urgent', '2026-01-08 12:00:00');
INSERT INTO conversation_turns VALUES (1, 'acme', 'talk', 'job-1:turn', NULL, '[]', 0, '2026-01-08 12:00:00');
INSERT INTO seedings VALUES ('sample-shop', '2026-01-01 12:00:00');
