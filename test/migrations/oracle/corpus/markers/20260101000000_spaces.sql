--migrate:up
CREATE TABLE close (n int);
--   migrate:down   
DROP TABLE close;
