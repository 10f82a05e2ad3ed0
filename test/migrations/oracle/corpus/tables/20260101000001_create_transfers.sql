-- migrate:up
CREATE TABLE transfers (
  id bigint PRIMARY KEY,
  payer bigint NOT NULL REFERENCES accounts (id) ON DELETE RESTRICT ON UPDATE CASCADE,
  payee bigint NOT NULL CONSTRAINT to_account REFERENCES accounts,
  amount numeric NOT NULL,
  made timestamp with time zone,
  CONSTRAINT not_to_oneself CHECK (payer <> payee),
  UNIQUE (payer, payee, made)
);
CREATE INDEX transfers_payee ON transfers (payee, made DESC NULLS LAST) INCLUDE (amount) WHERE amount > 0;
CREATE UNIQUE INDEX transfers_once ON transfers (lower(amount::text), made) NULLS NOT DISTINCT;
INSERT INTO transfers VALUES (1, 1, 2, 10.5, '2026-01-01 12:00:00+00');

-- migrate:down
DROP TABLE transfers;
