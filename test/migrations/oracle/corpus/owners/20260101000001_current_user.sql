-- migrate:up
CREATE TABLE who AS SELECT current_user AS cu, session_user <> current_user AS differs, current_schema() AS s, current_schemas(false) AS path;
-- migrate:down
DROP TABLE who;
