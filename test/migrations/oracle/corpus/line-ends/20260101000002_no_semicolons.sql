-- migrate:up
CREATE TABLE no_semicolon (n int);
INSERT INTO no_semicolon VALUES (1)
-- migrate:down
;;
DROP TABLE no_semicolon;;
;
