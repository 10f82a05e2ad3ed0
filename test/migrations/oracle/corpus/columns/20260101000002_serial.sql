-- migrate:up
CREATE TABLE logs (id serial PRIMARY KEY, small smallserial, big bigserial, line text);
INSERT INTO logs (line) SELECT 'line ' || n FROM generate_series(1, 10) n;
SELECT setval('logs_id_seq', 500);
ALTER SEQUENCE logs_big_seq OWNED BY NONE;

-- migrate:down
DROP TABLE logs;
DROP SEQUENCE logs_big_seq;
