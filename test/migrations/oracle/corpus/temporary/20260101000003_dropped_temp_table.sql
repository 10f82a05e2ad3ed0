-- migrate:up
CREATE TEMPORARY TABLE twice (n int);
CREATE TEMP SEQUENCE s;
INSERT INTO twice SELECT nextval('s');
INSERT INTO from_scratch SELECT 10 * n FROM twice;
DROP TABLE twice;
DROP SEQUENCE s;
-- migrate:down
DELETE FROM from_scratch WHERE n >= 10;
