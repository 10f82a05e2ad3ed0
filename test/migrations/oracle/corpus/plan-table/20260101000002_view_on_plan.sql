-- migrate:up
CREATE INDEX plan_name ON plan (name);
CREATE VIEW plans AS SELECT * FROM plan;

-- migrate:down
DROP VIEW plans;
DROP INDEX plan_name;
