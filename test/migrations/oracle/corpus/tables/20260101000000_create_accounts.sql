-- migrate:up
CREATE TABLE accounts (
  id bigint PRIMARY KEY,
  name text NOT NULL,
  opened date NOT NULL DEFAULT '2026-01-01',
  balance numeric(38, 18) NOT NULL DEFAULT 0 CHECK (balance >= 0),
  tags text[] NOT NULL DEFAULT '{}',
  details jsonb
);
INSERT INTO accounts (id, name, tags, details) VALUES (1, 'one', '{a,b}', '{"k": [1, 2]}'), (2, 'two', '{}', NULL);

-- migrate:down
DROP TABLE accounts;
