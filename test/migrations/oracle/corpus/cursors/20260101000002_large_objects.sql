-- migrate:up
SELECT lo_from_bytea(12345, '\x010203');
-- migrate:down
SELECT lo_unlink(12345);
