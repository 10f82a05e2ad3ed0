-- migrate:up
CREATE TABLE nonconforming (t text);
SET standard_conforming_strings = off;
SET escape_string_warning = off;
INSERT INTO nonconforming VALUES ('a\\b');
-- migrate:down
DROP TABLE nonconforming;
