-- migrate:up
CREATE TABLE there (n int);
-- migrate:down
DROP TABLE is_not_there;
