-- migrate:up
CREATE DOMAIN amount AS numeric(20, 2) DEFAULT 0 NOT NULL CHECK (VALUE >= 0);
CREATE DOMAIN email AS text COLLATE "C" CONSTRAINT has_at CHECK (VALUE ~ '^[^@]+@[^@]+$');
CREATE TABLE bills (total amount, receiver email);
INSERT INTO bills VALUES (1, 'a@b');
ALTER DOMAIN amount ADD CONSTRAINT small CHECK (VALUE < 1e9) NOT VALID;
ALTER DOMAIN amount VALIDATE CONSTRAINT small;
COMMENT ON DOMAIN amount IS 'money';

-- migrate:down
DROP TABLE bills;
DROP DOMAIN amount, email;
