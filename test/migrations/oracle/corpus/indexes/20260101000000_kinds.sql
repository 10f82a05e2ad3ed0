-- migrate:up
CREATE TABLE searched (id int, t text, a int[], j jsonb, r int4range, v tsvector GENERATED ALWAYS AS (to_tsvector('simple', t)) STORED);
CREATE INDEX ON searched USING hash (t);
CREATE INDEX ON searched USING gin (a);
CREATE INDEX searched_j ON searched USING gin (j jsonb_path_ops) WITH (fastupdate = off);
CREATE INDEX ON searched USING gist (r);
CREATE INDEX ON searched USING brin (id) WITH (pages_per_range = 32);
CREATE INDEX ON searched USING spgist (t);
CREATE INDEX ON searched (t COLLATE "C" text_pattern_ops DESC, (j ->> 'a'));
INSERT INTO searched (id, t) VALUES (1, 'some words');
-- migrate:down
DROP TABLE searched;
