-- migrate:up
CREATE TABLE calls (n int);
CREATE PROCEDURE call_me(n int, INOUT seen int DEFAULT 0) LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO calls VALUES (n);
  seen := (SELECT count(*) FROM calls);
EXCEPTION
  WHEN unique_violation THEN NULL;
END;
$$;
CREATE PROCEDURE atomic() BEGIN ATOMIC INSERT INTO calls VALUES (-1); INSERT INTO calls VALUES (-2); END;
CALL call_me(1);
CALL call_me(2, 5);
CALL atomic();

-- migrate:down
DROP PROCEDURE atomic();
DROP PROCEDURE call_me;
DROP TABLE calls;
