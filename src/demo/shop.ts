/** The shop of the demonstration: five tables with the types that shops have, about 200,000 rows, the same every time. */
import type pg from 'pg'

const SCHEMA = `
CREATE TYPE order_status AS ENUM ('placed', 'paid', 'shipped', 'returned');

CREATE TABLE customers (
  id bigint PRIMARY KEY,
  email text NOT NULL,
  name varchar(80) NOT NULL,
  tier text NOT NULL DEFAULT 'standard',
  profile jsonb NOT NULL,
  history text,
  born date,
  created_at timestamptz NOT NULL
);
CREATE TABLE products (
  id integer PRIMARY KEY,
  sku uuid NOT NULL,
  name text NOT NULL,
  category text NOT NULL,
  price numeric(10,2) NOT NULL,
  tags text[] NOT NULL,
  weight_kg double precision,
  available boolean NOT NULL
);
CREATE TABLE orders (
  id bigint PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES customers ON UPDATE CASCADE,
  status order_status NOT NULL DEFAULT 'placed',
  total numeric(12,2) NOT NULL,
  placed_at timestamptz NOT NULL,
  shipping jsonb
);
CREATE TABLE order_items (
  order_id bigint NOT NULL REFERENCES orders,
  line smallint NOT NULL,
  product_id integer NOT NULL REFERENCES products,
  quantity integer NOT NULL,
  unit_price numeric(10,2) NOT NULL,
  PRIMARY KEY (order_id, line)
);
CREATE TABLE carts (
  id uuid PRIMARY KEY,
  customer_id bigint,
  content jsonb NOT NULL,
  seen_at timestamp NOT NULL
);
`

// Every twentieth customer has a history of several kilobytes, which PostgreSQL stores out of line.
// The references hold by construction, so checking them row by row would only take time.
const ROWS = `
SET session_replication_role = replica;

INSERT INTO customers
SELECT i, 'customer' || i || '@example.com', 'Customer ' || i, 'standard',
       jsonb_build_object('language', (ARRAY['en', 'de', 'fr', 'ja'])[1 + i % 4], 'newsletter', i % 3 = 0),
       CASE WHEN i % 20 = 0 THEN (SELECT string_agg(md5((i * 1000 + part)::text), ' ') FROM generate_series(1, 120) part) END,
       CASE WHEN i % 7 > 0 THEN date '1950-01-01' + (i * 37 % 20000)::int END,
       timestamptz '2024-01-01 00:00:00+00' + i * interval '41 minutes 7.000123 seconds'
FROM generate_series(1, 20000) i;

INSERT INTO products
SELECT i, md5(i::text)::uuid, 'Product ' || i, (ARRAY['books', 'garden', 'kitchen', 'music', 'toys'])[1 + i % 5],
       (i * 7919 % 20000) / 100.0 + 0.99, ARRAY['tag' || i % 9, 'tag' || i % 13],
       CASE WHEN i % 11 > 0 THEN (i % 500) / 37.0 END, i % 17 > 0
FROM generate_series(1, 2000) i;

INSERT INTO orders
SELECT i, 1 + i * 7 % 20000, (ARRAY['placed', 'paid', 'shipped', 'returned'])[1 + i % 4]::order_status,
       (i::bigint * 104729 % 100000) / 100.0, timestamptz '2025-01-01 00:00:00+00' + i * interval '8 minutes',
       CASE WHEN i % 5 > 0 THEN jsonb_build_object('city', 'City ' || i % 300, 'express', i % 2 = 0) END
FROM generate_series(1, 60000) i;

INSERT INTO order_items
SELECT i, line, 1 + (i * 31 + line) % 2000, 1 + (i + line) % 5, (i * 7919 % 20000) / 100.0 + 0.99
FROM generate_series(1, 60000) i, generate_series(1, 2) line;

INSERT INTO carts
SELECT md5('cart' || i)::uuid, CASE WHEN i % 2 = 0 THEN i END, jsonb_build_array(i, i + 1), timestamp '2026-01-01' + i * interval '1 minute'
FROM generate_series(1, 3000) i;

RESET session_replication_role;
ANALYZE;
`

export const SHOP_TABLES = ['customers', 'products', 'orders', 'order_items', 'carts'] as const

/** Returns the number of rows. */
export async function createShop(client: pg.Client): Promise<number> {
  await client.query(SCHEMA)
  await client.query(ROWS)
  const counts = SHOP_TABLES.map((table) => `SELECT count(*)::int AS rows FROM ${table}`).join(' UNION ALL ')
  const { rows } = await client.query<{ rows: number }>(counts)
  return rows.reduce((sum, row) => sum + row.rows, 0)
}

export interface ShopChange {
  readonly change: string
  /** Statements of one transaction. */
  readonly sql: string
  /** Must give the same text on both sides. `$` stands for the schema. */
  readonly check: string
  /** `value`: what both sides gave. */
  readonly words: (value: string) => string
}

/** Each is committed, and then looked for at the destination. */
export const SHOP_CHANGES: readonly ShopChange[] = [
  {
    change: '500 inserts',
    sql: `INSERT INTO orders SELECT 100000 + i, 1 + i, 'placed', i, now(), '{"city": "Oslo"}' FROM generate_series(1, 500) i`,
    check: 'SELECT CAST(count(*) AS text) AS value FROM $.orders',
    words: (value) => `orders now has ${grouped(value)} rows`,
  },
  {
    change: '400 updates',
    sql: `UPDATE products SET price = price * 1.10 WHERE category = 'books'`,
    check: 'SELECT CAST(sum(price) AS text) AS value FROM $.products',
    words: (value) => `all prices now add up to ${grouped(value)}`,
  },
  {
    change: 'update beside TOAST',
    sql: `UPDATE customers SET tier = 'gold' WHERE id % 20 = 0 AND id <= 2000`,
    check: `SELECT CAST(sum(length(history)) AS text) AS value FROM $.customers WHERE tier = 'gold'`,
    words: (value) => `gold customers keep their ${grouped(value)} characters of history`,
  },
  {
    change: 'primary-key update',
    sql: 'UPDATE customers SET id = id + 1000000 WHERE id BETWEEN 1 AND 10',
    check:
      'SELECT CAST(count(*) AS text) AS value FROM $.orders JOIN $.customers ON customers.id = orders.customer_id WHERE customer_id > 1000000',
    words: (value) => `10 customers moved, and ${grouped(value)} orders with them, in one transaction`,
  },
  {
    change: '1,000 deletes',
    sql: 'DELETE FROM order_items WHERE order_id <= 500',
    check: 'SELECT CAST(count(*) AS text) AS value FROM $.order_items',
    words: (value) => `order_items now has ${grouped(value)} rows`,
  },
  {
    change: 'truncate',
    sql: 'TRUNCATE carts',
    check: 'SELECT CAST(count(*) AS text) AS value FROM $.carts',
    words: (value) => `carts now has ${grouped(value)} rows`,
  },
]

/** `1,204,331.50`. */
export function grouped(value: string): string {
  return value.replace(/\B(?<!\.\d*)(?=(\d{3})+(?!\d))/g, ',')
}
