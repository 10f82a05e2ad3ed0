-- migrate:up
CREATE TABLE guarded (n int);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'no % here', NEW.n USING HINT = 'try another', DETAIL = 'it''s refused', ERRCODE = 'P0042';
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON guarded FOR EACH ROW EXECUTE FUNCTION refuse();

-- migrate:down
DROP TABLE guarded;
DROP FUNCTION refuse;
