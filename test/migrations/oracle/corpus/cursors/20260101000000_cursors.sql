-- migrate:up
CREATE TABLE fetched (n int);
DECLARE c CURSOR FOR SELECT generate_series(1, 5);
FETCH 2 FROM c;
MOVE FORWARD 1 FROM c;
CLOSE c;
PREPARE ins (int) AS INSERT INTO fetched VALUES ($1);
EXECUTE ins (1);
EXECUTE ins (2);
DEALLOCATE ins;
-- migrate:down
DROP TABLE fetched;
