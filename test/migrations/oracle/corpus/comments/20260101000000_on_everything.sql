-- migrate:up
CREATE TABLE commented (id int CONSTRAINT commented_key PRIMARY KEY, n int CONSTRAINT positive CHECK (n > 0));
COMMENT ON TABLE commented IS 'it''s "commented"; with a semicolon';
COMMENT ON COLUMN commented.n IS E'two\nlines\tand a tab';
COMMENT ON CONSTRAINT positive ON commented IS $$dollar $1 quoted$$;
COMMENT ON INDEX commented_key IS U&'\00fcber \+01F600';
COMMENT ON SCHEMA app IS 'the application''s';

-- migrate:down
COMMENT ON SCHEMA app IS NULL;
DROP TABLE commented;
