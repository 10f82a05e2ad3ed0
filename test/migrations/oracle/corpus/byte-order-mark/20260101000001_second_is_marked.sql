-- migrate:up
CREATE TABLE marked (n int);

-- migrate:down
DROP TABLE marked;
