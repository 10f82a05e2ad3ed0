-- migrate:up
CREATE TABLE fine (n int);
CREATE TABEL wrong (n int);
-- migrate:down
DROP TABLE fine;
