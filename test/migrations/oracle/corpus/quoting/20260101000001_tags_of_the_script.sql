-- migrate:up
INSERT INTO dollars (t) VALUES ('$step$'), ('$v20260101000001_2$'), ('$v20260101000001$'), ('$guards$'), ('$ownership$');
INSERT INTO dollars (t) VALUES ('$v20260101000001_3$; $step$'), ('$$'), ('$sql$ $do$ $body$ $migration$ $m$');
DO $step$ BEGIN INSERT INTO dollars (t) VALUES ('$v20260101000001_4$'); END $step$;

-- migrate:down
DELETE FROM dollars WHERE t LIKE '$step$%' OR n > 10;
