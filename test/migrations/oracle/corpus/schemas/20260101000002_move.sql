-- migrate:up
CREATE TABLE mover (n int);
ALTER TABLE mover SET SCHEMA app;
INSERT INTO app.mover VALUES (1);
-- migrate:down
DROP TABLE app.mover;
