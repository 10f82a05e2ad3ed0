-- migrate:up
CREATE TABLE shadowed (n int);
-- migrate:down
DROP TABLE shadowed;
